"""What the workers are asked to do in tests. They are forked processes, so it must be importable there."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from tools.errors import InputError


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


def leave() -> None:
    sys.exit(3)


def speak() -> None:
    sys.stdout.write("noise on standard output\n")
    sys.stdout.flush()


def modules() -> list[str]:
    return sorted(sys.modules)


def grow(megabytes: int) -> int:
    return len(bytearray(b"x" * (megabytes * 1_000_000)))
