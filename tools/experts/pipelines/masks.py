"""Areas of pictures: named ones (SegFormer, DETR, MaskFormer) and all there are (SAM, arXiv 2304.02643)."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from tools.experts.drawing import masks_on
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import MAX_MASKS
from tools.experts.provider_replies import segments as tinted
from tools.outputs import Draft

SIDE = 1024
"""Most pixels per side that SAM gets: it works at this size, and its masks of a larger picture take gigabytes."""
GRID = 32
"""Points per side of the picture at which SAM looks for a thing, as its authors do."""
POINTS = 32
"""Points that SAM tries at a time; each gives three masks of the picture's size in memory."""

SAME = 0.7
"""Overlap of the boxes of two masks above which they are of the same thing; the authors' value."""


def segments(job: Job) -> Draft:
    """Divide `image` into areas with the model's own labels: instances and background, or classes only."""
    pipe = pipe_of(job)
    # Every other form of OneFormer's output is resized with torchvision (transformers 5.23).
    options = {"subtask": "semantic"} if pipe.model.config.model_type == "oneformer" else {}
    found = pipe(picture(job.inputs["image"]), **options)
    return tinted([SimpleNamespace(**one) for one in found], job)


def masks(job: Job) -> Draft:
    """Make a mask for each thing in `image`, largest first.

    Returns:
        `masks.png`, the picture with each mask tinted and numbered, then the masks of the largest things, white
        on black and of the picture's size. Data lists all with `label` (the number), `score`, `box` in pixels
        (left, top, right, bottom) and `share`, the mask's part of the picture.

    Raises:
        InputError: The file is no picture.
    """
    pipe, image = pipe_of(job), picture(job.inputs["image"])
    pipe.image_processor.post_process_for_mask_generation = _apart
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    reply = pipe(small, points_per_crop=GRID, points_per_batch=POINTS, crops_nms_thresh=SAME)
    pairs = zip(reply["masks"], reply["scores"].tolist(), strict=True)
    found = sorted(((m, s) for m, s in pairs if m.any()), key=lambda pair: -pair[0].sum())
    pictures = [Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size) for mask, _ in found]
    numbered = [(str(number), mask) for number, mask in enumerate(pictures, 1)]
    paths = [job.out / "masks.png", *(job.out / f"mask-{label}.png" for label, _ in numbered[:MAX_MASKS])]
    masks_on(image, numbered).save(paths[0])
    for path, mask in zip(paths[1:], pictures, strict=False):
        mask.save(path)
    scores = [score for _, score in found]
    data: Any = [_entry(*one, score) for one, score in zip(numbered, scores, strict=True)]
    return Draft(text=_text(len(found)), data=data, files=tuple(paths))


def _text(number: int) -> str:
    if not number:
        return "No masks were found."
    more = f"; the {MAX_MASKS} largest are files" if number > MAX_MASKS else ""
    return f"{number} mask{'s'[: number > 1]}, numbered from the largest{more}."


def _entry(label: str, mask: Image.Image, score: float) -> dict[str, Any]:
    share = float((np.asarray(mask) > 127).mean())
    return {
        "label": label,
        "score": round(score, 4),
        "box": [float(side) for side in mask.getbbox() or (0, 0, 0, 0)],
        "share": round(share, 4),
    }


def _apart(codes: Any, scores: Any, boxes: Any, limit: float) -> tuple[Any, Any, Any, Any]:
    """Keep one of several masks of the same thing, as SAM's image processor does with torchvision's help.

    Args:
        codes: Masks in run lengths, as `{"size": [height, width], "counts": [...]}`.
        scores: Their scores, of shape [masks].
        boxes: Their left, top, right and bottom, of shape [masks, 4].
        limit: Overlap of two boxes (intersection over union) above which the lower score goes.

    Returns:
        What is kept: masks of shape [height, width], scores, codes and boxes.
    """
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        if all(_overlap(boxes[index], boxes[other]) <= limit for other in kept):
            kept.append(index)
    return [_mask(codes[i]) for i in kept], scores[kept], [codes[i] for i in kept], boxes[kept]


def _overlap(first: Any, second: Any) -> float:
    """Return intersection over union of two boxes."""
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    common = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    union = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common
    return float(common / union) if union else 0.0


def _mask(code: Any) -> Any:
    """Return run lengths, column by column and black first, as an array of truth values."""
    height, width = code["size"]
    white = np.arange(len(code["counts"])) % 2 == 1
    return np.repeat(white, code["counts"]).reshape(width, height).T
