"""How much memory a worker process holds, and whether it lacked some."""

import re
import sys

CONTEXT = 550_000_000
"""Bytes that CUDA takes on a GPU for a process beside what torch allocates, as measured on an H200."""
_FULL = re.compile(r"out of memory|can't allocate memory|ALLOC(ATION)?_FAILED")
"""What torch and the libraries of CUDA say when a device's memory is full."""


def held_here() -> dict[str, int]:
    """Return the bytes that this process holds, by device: what would be free if it ended.

    Memory shared with other processes is not counted. On GPUs it is what torch keeps reserved, which is the most that
    a call needed so far.
    """
    import psutil

    held = {"cpu": int(psutil.Process().memory_full_info().uss)}
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        gpus = ((f"cuda:{n}", torch.cuda.memory_reserved(n)) for n in range(torch.cuda.device_count()))
        held.update({name: reserved + CONTEXT for name, reserved in gpus if reserved})
    if torch and torch.backends.mps.is_available() and (taken := torch.mps.driver_allocated_memory()):
        held["mps"] = taken
    return held


def ran_out(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, is that there was too little memory."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _FULL.search(str(error))):
            return True
        error = error.__cause__ or error.__context__
    return False
