"""How much memory models may take, without loading any library that computes."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tools.settings import settings

SHARE = 0.7
"""Part of a machine's memory that models may take by default."""


def budget(device: str = "auto") -> int:
    """Return how many bytes the models on a device may take together.

    Args:
        device: `auto`, or a device of torch such as `cpu` or `cuda:1`.

    Returns:
        `HUGGINGGPT_MEMORY_GB` when it is set, else a share of what the device has.
    """
    if (set_to := settings().memory_gb) is not None:
        return int(set_to * 1e9)
    gpus = _gpus()
    if device.startswith("cuda") or (device == "auto" and gpus):
        number = int(device.partition(":")[2] or 0)
        return int(SHARE * gpus[number]) if number < len(gpus) else 0
    return int(SHARE * machine())


def on_gpu(device: str) -> bool:
    """Tell whether a device is one that computes in half precision."""
    return device.startswith(("cuda", "mps")) or (device == "auto" and bool(_gpus()))


def machine() -> int:
    """Return the bytes of this machine's memory, or of the container's where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(total, _container() or total)


@cache
def _container() -> int | None:
    """Return the memory limit of this process's control group (cgroup v2), or None."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


@cache
def _gpus() -> tuple[int, ...]:
    """Return the bytes of each NVIDIA GPU's memory, as their driver tells."""
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        return tuple(int(line) << 20 for line in told.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
