"""Where a model runs, and in which number format."""

from functools import cache
from typing import Any

from tools.errors import SetupError
from tools.experts.held import ran_out
from tools.memory import missing

AUTO = "auto"
HALF = {"cuda": "bfloat16", "mps": "float16"}
"""Half precision by type of device; others compute in single precision."""


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
        if ran_out(error):
            raise
        line = str(error).partition("\n")[0]
        unusable = f"The device {asked!r} cannot be used: {line}; set HUGGINGGPT_DEVICE to another one."
        raise SetupError(missing(asked) or unusable) from error
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

    # GPUs before Ampere have no bfloat16 of their own: they would compute it in steps, many times slower.
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        return torch.float16
    return getattr(torch, HALF.get(device.type, "float32"))
