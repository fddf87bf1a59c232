"""Which device and which number format a model gets; GPUs that are not here are described as torch does."""

import pytest
import torch

from tools.errors import SetupError
from tools.experts.devices import device_for, dtype_for


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((12, 0), torch.bfloat16)]
)
def test_half_precision_is_what_the_gpu_computes_itself(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert dtype_for(torch.device("cuda:0")) == dtype


def test_single_precision_on_the_cpu_and_half_on_apple_gpus() -> None:
    assert dtype_for(torch.device("cpu")) == torch.float32
    assert dtype_for(torch.device("mps")) == torch.float16


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("cuda:7", "There is no device 'cuda:7' here; set"),
        ("gpu", "'gpu' cannot be used: Expected one of cpu"),
    ],
)
def test_a_device_that_cannot_be_used_is_a_sentence(device: str, why: str) -> None:
    with pytest.raises(SetupError, match=rf"{why}.*HUGGINGGPT_DEVICE|{why} HUGGINGGPT_DEVICE"):
        device_for(device)


def test_a_device_without_free_memory_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch, "empty", full)
    device_for.cache_clear()
    with pytest.raises(torch.OutOfMemoryError):
        device_for("cpu:0")
