"""What workers are asked to do on a GPU in tests. They are forked processes, so it must be importable there."""

import os
import time
from pathlib import Path
from typing import Any

_kept: list[Any] = []


def hold(megabytes: int) -> int:
    """Hold memory of the GPU from now on, as a loaded model does."""
    import torch

    _kept.append(torch.empty(megabytes * 1_000_000, dtype=torch.uint8, device="cuda"))
    return os.getpid()


def overfill() -> None:
    """Want more than any GPU has, holding a gigabyte."""
    hold(1000)
    hold(10_000_000)


def compute(path: str, seconds: float, megabytes: int = 0) -> tuple[float, float]:
    """Keep the GPU busy; return when that began and ended."""
    import torch

    if megabytes:
        hold(megabytes)
    square = torch.ones(2048, 2048, device="cuda")
    Path(path).write_text(str(os.getpid()))
    start = time.time()
    while time.time() - start < seconds:
        square = square @ square / 2048
        torch.cuda.synchronize()
    return start, time.time()


def touched() -> bool:
    """Tell whether this process has used a GPU."""
    import torch

    return bool(torch.cuda.is_initialized())


def files_of_fork_server() -> list[str]:
    """Return what the process that this one was forked from has opened."""
    return [str(link.readlink()) for link in Path(f"/proc/{os.getppid()}/fd").iterdir()]
