"""Making pictures larger and cleaner with Swin2SR (Conde et al., arXiv 2209.11345)."""

from collections.abc import Iterator

from PIL import Image

from tools.errors import ModelError
from tools.experts.direct import loading
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.provider_replies import image as finished
from tools.outputs import Draft

AUTO = "AutoModelForImageToImage"
TILE = 256
"""Pixels per side that are done at once: memory grows with the square of it."""
MARGIN = 16
"""Pixels around a tile that the model also sees, so that no seams are left."""

Box = tuple[int, int, int, int]
"""Left, upper, right and lower side, in pixels."""


def enhance(job: Job) -> Draft:
    """Enhance `image`, tile by tile.

    Returns:
        `image.png`, as many times larger as the model makes pictures.

    Raises:
        InputError: The file is no picture.
        ModelError: There is an instruction, which such models cannot follow.
    """
    if job.inputs.get("instruction", "").strip():
        raise ModelError("This model enhances pictures; it cannot follow an instruction.")
    source = picture(job.inputs["image"])
    made: Image.Image | None = None
    for inner in tiles(source.size):
        outer = _grown(inner, source.size)
        tile, scale = _enhanced(job, source.crop(outer))
        made = made or Image.new("RGB", (source.width * scale, source.height * scale))
        made.paste(tile.crop(_moved(inner, outer, scale)), (inner[0] * scale, inner[1] * scale))
    return finished(made, job)


def tiles(size: tuple[int, int]) -> Iterator[Box]:
    """Yield boxes that cover a picture of this width and height without overlap."""
    width, height = size
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            yield left, top, min(left + TILE, width), min(top + TILE, height)


def _moved(box: Box, origin: Box, scale: int) -> Box:
    """Return a box as it lies in the enlarged `origin`."""
    left, top = origin[:2]
    return (
        (box[0] - left) * scale,
        (box[1] - top) * scale,
        (box[2] - left) * scale,
        (box[3] - top) * scale,
    )


def _grown(box: Box, size: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    return (
        max(0, left - MARGIN),
        max(0, top - MARGIN),
        min(size[0], right + MARGIN),
        min(size[1], bottom + MARGIN),
    )


def _enhanced(job: Job, tile: Image.Image) -> tuple[Image.Image, int]:
    """Return the enhanced tile, and how many times larger it is."""
    import numpy as np
    import torch

    model = loading.model(AUTO, job, exact=True)
    processor = loading.read("AutoImageProcessor", loading.folder_of(job))
    inputs = processor(images=tile, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        made = model(**inputs).reconstruction[0].clamp(0, 1).cpu().numpy()
    # The processor pads on the right and below to a multiple of the model's window.
    scale = made.shape[1] // inputs["pixel_values"].shape[2]
    whole = Image.fromarray((made.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    return whole.crop((0, 0, tile.width * scale, tile.height * scale)), scale
