"""What `transformers.pipeline` must be told for some types of model, beyond their folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.experts.pipelines.timm_resnet import without_timm

Arguments = dict[str, Any]


def arguments(folder: Path) -> Arguments:
    """Return arguments for `transformers.pipeline` that fit the model in a folder."""
    config = folder / "config.json"
    kind = json.loads(config.read_bytes()).get("model_type", "") if config.is_file() else ""
    adjustment = ADJUSTMENTS.get(kind)
    found = adjustment(folder) if adjustment else {}
    return {**found, "model_kwargs": {"use_safetensors": True, **found.get("model_kwargs", {})}}


def _without_class_list(folder: Path) -> Arguments:
    """Load OneFormer's image processor without the list of classes, which it would fetch from the Hub.

    Only training and the forms of output that need torchvision use the list.
    """
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(
        folder, class_info_file=None, trust_remote_code=False, local_files_only=True
    )
    return {"image_processor": processor}


def _own_resnet(folder: Path) -> Arguments:
    return {"model_kwargs": without_timm(folder)}


ADJUSTMENTS: dict[str, Callable[[Path], Arguments]] = {
    "oneformer": _without_class_list,
    "detr": _own_resnet,
    "conditional_detr": _own_resnet,
    "deformable_detr": _own_resnet,
    "dab-detr": _own_resnet,
    "table-transformer": _own_resnet,
}
"""By the `model_type` of the model's configuration."""
