"""What `transformers.pipeline` must be told for some types of model, beyond their folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Arguments = dict[str, Any]


def arguments(folder: Path) -> Arguments:
    """Return arguments for `transformers.pipeline` that fit the model in a folder."""
    found: Arguments = {"model_kwargs": {"use_safetensors": True}}
    config = folder / "config.json"
    kind = json.loads(config.read_bytes()).get("model_type") if config.is_file() else None
    adjustment = ADJUSTMENTS.get(kind)
    return found if adjustment is None else {**found, **adjustment(folder)}


def _without_class_list(folder: Path) -> Arguments:
    """Load OneFormer's image processor without the list of classes, which it would fetch from the Hub.

    Only training and the forms of output that need torchvision use the list.
    """
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(
        folder, class_info_file=None, trust_remote_code=False, local_files_only=True
    )
    return {"image_processor": processor}


ADJUSTMENTS: dict[str, Callable[[Path], Arguments]] = {"oneformer": _without_class_list}
"""By the `model_type` of the model's configuration."""
