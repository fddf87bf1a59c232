"""Condition images of surface normals, from an estimate of the depth."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tools.experts.pipelines.loading import load

METRIC = ("zoedepth", "depth_pro")
"""Architectures that estimate distances; all others estimate nearness (inverse depth)."""
NEARNESS = 100.0
"""Nearness of the nearest point, the farthest having 0. Models differ in their unit, so it is set here, where
an even slope over the whole of a square picture is tilted by 14 degrees."""
WEIGHT = np.pi * 2
"""Length of the part of a normal that points at the viewer, as the authors of ControlNet chose it."""
BACKGROUND = 0.1
"""Share of the nearness below which a point is background, and faces the viewer."""
SIDE = 512
"""Pixels of the shorter side that slopes are measured for."""


def normal_map(image: Image.Image, model: Path, device: str) -> Image.Image:
    """Estimate which way surfaces face, as the authors of ControlNet do (Zhang et al., arXiv 2302.05543).

    Args:
        image: An RGB picture.
        model: Folder of a depth estimation model of transformers.
        device: See `tools.experts.devices`.

    Returns:
        Normals as colours, of the picture's size: red for facing left, green for facing up, blue for facing
        the viewer, each from -1 at 0 to 1 at 255.
    """
    pipeline = load("depth-estimation", model, device)
    depth = pipeline(image)["predicted_depth"].float().cpu().numpy()
    return Image.fromarray(normals(_nearness(depth, pipeline.model.config)))


def normals(nearness: Any) -> Any:
    """Turn nearness into normals.

    Args:
        nearness: Floats of shape [height, width], in any unit.

    Returns:
        Bytes of shape [height, width, 3].
    """
    import cv2

    share = (nearness - nearness.min()) / max(float(np.ptp(nearness)), 1e-6)
    unit = NEARNESS * min(share.shape) / SIDE
    slopes = [cv2.Sobel(share, cv2.CV_32F, *axis, ksize=3) * unit for axis in ((1, 0), (0, 1))]
    for slope in slopes:
        slope[share < BACKGROUND] = 0
    vectors = np.stack([*slopes, np.full_like(share, WEIGHT)], axis=2)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return (vectors * 127.5 + 127.5).clip(0, 255).astype(np.uint8)


def _nearness(depth: Any, config: Any) -> Any:
    metric = config.model_type in METRIC or getattr(config, "depth_estimation_type", "") == "metric"
    return 1 / np.maximum(depth, 1e-3) if metric else depth
