"""How much memory models may take, without loading any library that computes."""

import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from tools.settings import settings

SHARE = 0.7
"""Part of a machine's memory that models may take by default."""
_CGROUP = Path("/sys/fs/cgroup")


def budget(device: str = "auto") -> int:
    """Return how many bytes the models on a device may take together at best: whether one can ever run there.

    Args:
        device: `auto`, or a device of torch such as `cpu` or `cuda:1`.

    Returns:
        `HUGGINGGPT_MEMORY_GB` when it is set, else a share of what the device has.
    """
    if (set_to := settings().memory_gb) is not None:
        return int(set_to * 1e9)
    where = place(device)
    return int(SHARE * (_gpu(where, _gpus()) if where.startswith("cuda") else machine()))


def room(device: str, held: int) -> int:
    """Return how many bytes the models on a device may take together now.

    Args:
        device: As `place` returns it.
        held: Bytes that models hold there already.

    Returns:
        `HUGGINGGPT_MEMORY_GB` when it is set, else a share of what is free or held by models, so that other
        programs keep what they have.
    """
    if (set_to := settings().memory_gb) is not None:
        return int(set_to * 1e9)
    free = _gpu(device, _asked("memory.free")) if device.startswith("cuda") else _free()
    return int(SHARE * (free + held))


def place(device: str) -> str:
    """Return where a device of torch lies: `cpu`, `mps`, or a GPU with its number, such as `cuda:0`.

    Args:
        device: `auto` for the best there is, or a device of torch.
    """
    if device == "auto":
        return "cuda:0" if _gpus() else "mps" if _has_mps() else "cpu"
    return "cuda:0" if device == "cuda" else device


def on_gpu(device: str) -> bool:
    """Tell whether a device is one that computes in half precision."""
    return place(device) != "cpu"


def machine() -> int:
    """Return the bytes of this machine's memory, or of the container's where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(total, _container() or total)


def _free() -> int:
    """Return the bytes of main memory that programs can still take."""
    free = int(psutil.virtual_memory().available)
    if (limit := _container()) is None:
        return free
    return max(0, min(free, limit - (_number(_CGROUP / "memory.current") or 0) + _file_pages()))


def _file_pages() -> int:
    """Return the bytes of files that the control group's memory holds and gives back when it is asked to."""
    try:
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


@cache
def _container() -> int | None:
    """Return the memory limit of this process's control group (cgroup v2), or None."""
    return _number(_CGROUP / "memory.max")


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _has_mps() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def _gpu(device: str, each: tuple[int, ...]) -> int:
    """Return the entry of a device such as `cuda:1`; 0 when there is none."""
    number = int(device.partition(":")[2] or 0)
    return each[number] if number < len(each) else 0


@cache
def _gpus() -> tuple[int, ...]:
    """Return the bytes of each NVIDIA GPU's memory, as their driver tells."""
    return _asked("memory.total")


def _asked(what: str) -> tuple[int, ...]:
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    query = [program, f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        return tuple(int(line) << 20 for line in told.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
