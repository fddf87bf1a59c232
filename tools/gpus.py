"""NVIDIA GPUs as torch numbers them, told by their driver without loading any library that computes."""

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal, NamedTuple

What = Literal["memory.total", "memory.free"]
_NO_CUDA = re.compile(r"^cuda\b.*= None$", re.MULTILINE)


class _Gpu(NamedTuple):
    name: str
    """Its UUID."""
    size: int
    """Bytes."""


@cache
def sizes() -> tuple[int, ...]:
    """Return the bytes of each GPU's memory; none when torch is a build without CUDA."""
    return _visible(_asked("memory.total")) if _torch_has_cuda() else ()


def free() -> tuple[int, ...]:
    """Return the bytes of each GPU's memory that are free now."""
    return _visible(_asked("memory.free"))


def _visible(gpus: list[_Gpu]) -> tuple[int, ...]:
    """Choose and order GPUs as `CUDA_VISIBLE_DEVICES` says: by number or UUID, up to the first that is not there."""
    if (wanted := os.environ.get("CUDA_VISIBLE_DEVICES")) is None:
        return tuple(gpu.size for gpu in gpus)
    found = []
    for name in wanted.split(","):
        if (gpu := _named(name.strip(), gpus)) is None:
            break
        found.append(gpu.size)
    return tuple(found)


def _named(name: str, gpus: list[_Gpu]) -> _Gpu | None:
    if name.isdecimal():
        return gpus[int(name)] if int(name) < len(gpus) else None
    return next((gpu for gpu in gpus if name and gpu.name.startswith(name)), None)


@cache
def _torch_has_cuda() -> bool:
    """Tell whether the torch that is installed was built for CUDA: it says so in a file that imports nothing."""
    spec = PathFinder.find_spec("torch")
    if spec is None or not spec.origin:
        return False
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return True
    return not _NO_CUDA.search(text)


def _asked(what: What) -> list[_Gpu]:
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    query = [program, f"--query-gpu=uuid,{what}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        rows = (line.split(", ") for line in told.stdout.splitlines())
        return [_Gpu(name, int(mebibytes) << 20) for name, mebibytes in rows]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
