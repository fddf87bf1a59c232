"""How much memory models may take, without loading any library that computes."""

import os
import platform
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psutil

from tools import gpus
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
    return int(SHARE * (_gpu(where, gpus.sizes()) if where.startswith("cuda") else machine()))


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
    free = _gpu(device, gpus.free()) if device.startswith("cuda") else _free()
    return int(SHARE * (free + held))


def place(device: str) -> str:
    """Return where a device of torch lies: `cpu`, `mps`, or a GPU with its number, such as `cuda:0`.

    Args:
        device: `auto` for the best there is, or a device of torch.
    """
    kind, _, number = device.partition(":")
    if kind == "auto":
        return "cuda:0" if gpus.sizes() else "mps" if _has_mps() else "cpu"
    return f"cuda:{number or 0}" if kind == "cuda" else kind


def missing(device: str) -> str | None:
    """Return that there is no such device here, as a sentence; None when there is, or when only torch can tell."""
    kind = (where := place(device)).partition(":")[0]
    there = {"cuda": bool(_gpu(where, gpus.sizes())), "mps": _has_mps()}
    if there.get(kind, True):
        return None
    numbered = (f"cuda:{number}" for number in range(len(gpus.sizes())))
    here = ", ".join(["auto", "cpu", *numbered, *(["mps"] if _has_mps() else [])])
    return f"There is no device {device!r} here; set HUGGINGGPT_DEVICE to another one ({here})."


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


def _gpu(device: str, each: Sequence[int]) -> int:
    """Return the entry of a device such as `cuda:1`; 0 when there is none."""
    number = device.partition(":")[2] or "0"
    return each[int(number)] if number.isdecimal() and int(number) < len(each) else 0
