"""GPUs that only their driver's program knows of, and a torch that was built for them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools import gpus


@contextmanager
def fake_gpus(
    folder: Path, total: Sequence[int], free: Sequence[int] = (), cuda: str | None = "13.0"
) -> Iterator[None]:
    """Have `nvidia-smi` list GPUs of these MiB, named `GPU-0` and so on, and torch be a build for this CUDA."""
    lines = {name: _lines(each) for name, each in (("total", total), ("free", free))}
    program = folder / "nvidia-smi"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in *free*) printf "{lines["free"]}";; *) printf "{lines["total"]}";; esac\n'
    )
    program.chmod(0o755)
    (folder / "torch").mkdir(exist_ok=True)
    (folder / "torch" / "__init__.py").touch()
    (folder / "torch" / "version.py").write_text(
        f"cuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:/bin:/usr/bin")
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        patch.syspath_prepend(folder)
        _forget()
        yield
    _forget()


def _lines(each: Sequence[int]) -> str:
    return "".join(f"GPU-{number}, {size}\\n" for number, size in enumerate(each))


def _forget() -> None:
    gpus.sizes.cache_clear()
    gpus._torch_has_cuda.cache_clear()
