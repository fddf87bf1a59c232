"""Which device and which number format a model gets; GPUs that are not here are described as torch does."""

from pathlib import Path

import pytest
from device_cases import CASES, built, do
from PIL import Image

from tools.errors import SetupError
from tools.experts.devices import device_for, dtype_for


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((12, 0), "bfloat16")]
)
def test_half_precision_is_what_the_gpu_computes_itself(
    capability: tuple[int, int], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert dtype_for(torch.device("cuda:0")) == getattr(torch, dtype)


def test_single_precision_on_the_cpu_and_half_on_apple_gpus() -> None:
    import torch

    assert dtype_for(torch.device("cpu")) == torch.float32
    assert dtype_for(torch.device("mps")) == torch.float16


@pytest.mark.parametrize(
    ("device", "why"),
    [("cuda:77", "There is no device 'cuda:77' here"), ("gpu", "'gpu' cannot be used: Expected one of cpu")],
)
def test_a_device_that_cannot_be_used_is_a_sentence(device: str, why: str) -> None:
    with pytest.raises(SetupError, match=rf"{why}.*; set HUGGINGGPT_DEVICE to another one"):
        device_for(device)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    ["picture labels", "picture vector", "spans", "similarity", "Stable Diffusion", "ControlNet", "poses"],
)
def test_every_engine_says_so(name: str, tmp_path: Path) -> None:
    folders = built(CASES[name], tmp_path)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    with pytest.raises(SetupError, match=r"^There is no device 'cuda:77' here"):
        do(CASES[name], folders, tmp_path, tmp_path / "out", "cuda:77")


def test_a_device_without_free_memory_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch, "empty", full)
    device_for.cache_clear()
    with pytest.raises(torch.OutOfMemoryError):
        device_for("cpu:0")
