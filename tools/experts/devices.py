"""Where a model runs, and in which number format."""

from functools import cache
from typing import Any

from tools.errors import SetupError

AUTO = "auto"


@cache
def device_for(asked: str = AUTO) -> Any:
    """Return the device a model is to run on.

    Args:
        asked: `auto` for the best there is (CUDA, then Apple's MPS, then the CPU), or a device of torch.

    Returns:
        A `torch.device`.

    Raises:
        SetupError: There is no such device here.
    """
    import torch

    if asked == AUTO:
        return torch.device(_best())
    try:
        device = torch.device(asked)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SetupError(
            f"There is no device {asked!r} here; set HUGGINGGPT_DEVICE to another one."
        ) from error
    return device


def _best() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def dtype_for(device: Any) -> Any:
    """Return the number format that suits a device: half precision on GPUs, single on the CPU.

    Args:
        device: A `torch.device`.

    Returns:
        A `torch.dtype`.
    """
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
