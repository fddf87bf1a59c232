"""Cutting out the foreground with U2-Net (Qin et al., arXiv 2005.09007)."""

from typing import Any

from tools.experts.engine import Job
from tools.experts.files import only, picture
from tools.experts.onnx import session
from tools.outputs import Draft

SIDE = 320
"""Pixels per side of the model's input, as it was trained."""
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Per-channel statistics of ImageNet, as it was trained."""


def run(job: Job) -> Draft:
    """Cut the foreground of `image` out.

    Returns:
        `cutout.png`, the picture with a transparent background, and `mask.png`, white where the foreground
        is, both of the picture's size; `data["coverage"]` is the foreground's share of the picture.

    Raises:
        InputError: The file is no picture.
    """
    import numpy as np
    from PIL import Image

    image = picture(job.inputs["image"])
    model = session(only(job.model, "*.onnx"))
    saliency = model.run(None, {model.get_inputs()[0].name: _prepared(image)})[0][0, 0]
    # The network's sigmoid rarely reaches both ends: stretch to the full range, as its authors do.
    saliency = (saliency - saliency.min()) / max(float(np.ptp(saliency)), 1e-6)
    mask = Image.fromarray((saliency * 255).round().astype(np.uint8)).resize(
        image.size, Image.Resampling.LANCZOS
    )
    coverage = float((np.asarray(mask) > 127).mean())
    cutout = image.copy()
    cutout.putalpha(mask)
    files = (job.out / "cutout.png", job.out / "mask.png")
    cutout.save(files[0])
    mask.save(files[1])
    text = f"The foreground, {coverage:.0%} of the picture, cut out."
    return Draft(text=text, data={"coverage": round(coverage, 4)}, files=files)


def _prepared(image: Any) -> Any:
    """Return the picture as the model's input, of shape [1, 3, 320, 320]."""
    import numpy as np
    from PIL import Image

    small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32)
    scaled = (small / max(float(small.max()), 1e-6) - MEAN) / DEVIATION
    return scaled.transpose(2, 0, 1)[None].astype(np.float32)
