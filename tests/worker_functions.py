"""What the workers are asked to do in tests. They are forked processes, so it must be importable there."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from tools.errors import InputError, ModelError
from tools.experts.processes import threads


class StrangeError(Exception):
    """Cannot be unpickled with its message alone."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{why} ({code})\nsecond line")


def pid() -> int:
    return os.getpid()


def double(x: int) -> int:
    return 2 * x


def stamp(path: str, seconds: float) -> tuple[float, float]:
    start = time.time()
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)
    return start, time.time()


def hang_in_c(path: str) -> None:
    """Hold the GIL and ignore all but SIGKILL and the default handlers, as a library written in C may."""
    Path(path).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(60)


def ignore_sigterm(path: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stamp(path, 60)


def crash(code: int) -> None:
    """End without a word: with an exit code, or by a signal when the number is negative."""
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def refuse() -> None:
    raise InputError("Give another file.")


def fail() -> None:
    raise StrangeError(7, "no such layer")


def exhaust() -> None:
    try:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    except RuntimeError as error:
        raise ModelError("This model cannot be loaded.") from error


def leave() -> None:
    sys.exit(3)


def speak() -> None:
    sys.stdout.write("noise on standard output\n")
    sys.stdout.flush()


def modules() -> list[str]:
    return sorted(sys.modules)


def grow(megabytes: int) -> int:
    return len(bytearray(b"x" * (megabytes * 1_000_000)))


_kept: list[bytearray] = []


def keep(megabytes: int) -> int:
    """Hold memory from now on, as a loaded model does."""
    _kept.append(bytearray(b"x" * (megabytes * 1_000_000)))
    return os.getpid()


def keep_and_refuse(megabytes: int) -> None:
    """Fail with a loaded model."""
    keep(megabytes)
    refuse()


def thread_counts(seconds: float = 0) -> tuple[int, int, str]:
    """Return the share of cores, what torch makes of it, and what libraries that are imported later will."""
    import torch

    time.sleep(seconds)
    return threads(), torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def fork_server() -> dict[str, str]:
    """Return what the kernel says of the process that this one was forked from."""
    lines = Path(f"/proc/{os.getppid()}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def preloaded() -> tuple[bool, bool, str]:
    """Tell whether torch was there from the start, whether CUDA was touched, and how its threads wait."""
    torch = sys.modules.get("torch")
    return bool(torch), bool(torch and torch.cuda.is_initialized()), os.environ["OMP_WAIT_POLICY"]
