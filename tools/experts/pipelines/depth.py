"""Depth maps (DPT, arXiv 2103.13413; GLPN, arXiv 2201.07436; Depth Anything, arXiv 2401.10891)."""

from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.pipelines.loading import missing, pipe_of
from tools.outputs import Draft

METRIC = ("glpn", "depth_pro", "prompt_depth_anything", "zoedepth")
"""Types of model that tell the distance in metres; others tell nearness without a unit."""


def depth(job: Job) -> Draft:
    """Estimate how far each point of `image` is from the camera.

    Returns:
        `depth.png`, 8 bits of grey and of the picture's size; near is bright whatever the model tells, as
        ControlNets for depth expect. Data has `near` (`bright`), `unit` (`m` or none) and, with a unit, the
        `nearest` and the `farthest` distance.

    Raises:
        InputError: The file is no picture.
        SetupError: The model needs torchvision.
    """
    pipe = pipe_of(job)
    kind = pipe.model.config.model_type
    # Its post-processing resizes with torchvision only (transformers 5.23).
    if kind == "zoedepth" and find_spec("torchvision") is None:
        raise missing("torchvision")
    image = picture(job.inputs["image"])
    values = pipe(image)["predicted_depth"].numpy()
    metric = kind in METRIC or getattr(pipe.model.config, "depth_estimation_type", None) == "metric"
    path = job.out / "depth.png"
    _grey(-values if metric else values).resize(image.size).save(path)
    return _draft(values, metric, path)


def _draft(values: Any, metric: bool, path: Any) -> Draft:
    if not metric:
        text = "A depth map: near is bright. The model gives no unit."
        return Draft(text=text, data={"near": "bright", "unit": None}, files=(path,))
    nearest, farthest = round(float(values.min()), 2), round(float(values.max()), 2)
    text = f"A depth map: near is bright, from {nearest} m to {farthest} m."
    data = {"near": "bright", "unit": "m", "nearest": nearest, "farthest": farthest}
    return Draft(text=text, data=data, files=(path,))


def _grey(nearness: Any) -> Image.Image:
    """Return values of shape [height, width] as greys that use the full range."""
    low, spread = nearness.min(), float(np.ptp(nearness)) or 1.0
    return Image.fromarray(((nearness - low) / spread * 255).round().astype(np.uint8))
