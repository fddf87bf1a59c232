"""DETR's ResNets without timm, which needs torchvision: the same weights under the names that transformers uses.

Published checkpoints of DETR and its kin (such as `facebook/detr-resnet-50`) name their backbone as timm does. Names of
layers: timm's `resnet.py` and transformers' `convert_detr_to_pytorch.py`.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESNETS: dict[str, dict[str, Any]] = {
    "resnet18": {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]},
    "resnet34": {"layer_type": "basic", "depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 256, 512]},
    "resnet50": {"layer_type": "bottleneck", "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048]},
    "resnet101": {
        "layer_type": "bottleneck",
        "depths": [3, 4, 23, 3],
        "hidden_sizes": [256, 512, 1024, 2048],
    },
}
"""Sizes by timm's name (He et al., arXiv 1512.03385, table 1)."""
STAGES = 4


def without_timm(folder: Path) -> dict[str, Any]:
    """Return arguments of `from_pretrained` that load a DETR without timm, where it would need timm.

    Dilated backbones (DC5) are left alone: transformers' own ResNet has no dilation.
    """
    from transformers import AutoConfig, ResNetConfig

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    timm = config.backbone_config
    name = getattr(timm, "backbone", "") if timm.model_type == "timm_backbone" else ""
    size = RESNETS.get(str(name).split(".")[0])
    if size is None or getattr(config, "dilation", False) or find_spec("timm"):
        return {}
    stages = [f"stage{index}" for index in timm.out_indices if index]
    backbone = ResNetConfig(**size, num_channels=timm.num_channels, out_features=stages)
    return {"backbone_config": backbone, "key_mapping": _names()}


def _names() -> dict[str, str]:
    """Return regular expressions of timm's names of weights with what transformers calls them."""
    names = {
        r"conv_encoder.model.conv1": "conv_encoder.model.embedder.embedder.convolution",
        r"conv_encoder.model.bn1": "conv_encoder.model.embedder.embedder.normalization",
    }
    for stage in range(STAGES):
        old, new = rf"model.layer{stage + 1}.(\d+)", rf"model.encoder.stages.{stage}.layers.\1"
        for layer in range(3):
            names[f"{old}.conv{layer + 1}"] = f"{new}.layer.{layer}.convolution"
            names[f"{old}.bn{layer + 1}"] = f"{new}.layer.{layer}.normalization"
        names[f"{old}.downsample.0"] = f"{new}.shortcut.convolution"
        names[f"{old}.downsample.1"] = f"{new}.shortcut.normalization"
    return names
