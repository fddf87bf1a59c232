"""Adapters: small files of changed weights (LoRA and its kin) that are merged into the model they were trained on."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.errors import ModelError, SetupError

WEIGHTS = "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter only, and no whole model."""
    return (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file()


def merged(model: Any, folder: Path) -> Any:
    """Merge an adapter into a model, so that it costs nothing when the model runs.

    Args:
        model: The loaded base, which is changed.
        folder: The adapter's files.

    Returns:
        The model.

    Raises:
        SetupError: peft is not installed.
        ModelError: The adapter has no safetensors.
    """
    if find_spec("peft") is None:
        raise SetupError(
            'This model is an adapter, which needs the peft library: pip install "hugginggpt[adapters]".'
        )
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"This adapter has no {WEIGHTS}; no other format is loaded.")
    # Left alone, peft would load it to the first GPU, wherever the model is.
    options = {"use_safetensors": True, "torch_device": str(model.device)}
    return import_module("peft").PeftModel.from_pretrained(model, str(folder), **options).merge_and_unload()
