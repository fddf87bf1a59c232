"""Reading printed text with PP-OCR through rapidocr, which carries the models."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.processes import threads
from tools.outputs import Draft

NOTHING = "No printed text was found in the picture."
"""Text of a picture without writing: a finding and no failure, so that what depends on it can go on."""


def run(job: Job) -> Draft:
    """Read the printed text of `image`.

    Returns:
        The lines in reading order; data lists them with `text`, `score` (0 to 1) and `box`, the four corners
        in pixels, clockwise from the top left one.

    Raises:
        InputError: The file is no picture.
    """
    import numpy as np

    pixels = np.asarray(picture(job.inputs["image"]))[:, :, ::-1]
    found = _reader(threads())(np.ascontiguousarray(pixels))
    if not found.txts:
        return Draft(text=NOTHING, data=[])
    parts = [
        {
            "text": text,
            "score": round(float(score), 3),
            "box": [[round(float(x)), round(float(y))] for x, y in box],
        }
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
    ]
    rows = lines(parts)
    text = "\n".join("  ".join(part["text"] for part in row) for row in rows)
    return Draft(text=text, data=[part for row in rows for part in row])


def lines(parts: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Put pieces of text that stand side by side into one line, lines from top to bottom.

    Args:
        parts: Pieces with a `box`.

    Returns:
        Lines of pieces from left to right. A piece belongs to a line when its middle lies within its height.
    """
    rows: list[list[dict[str, Any]]] = []
    for part in sorted(parts, key=_middle):
        first = rows[-1][0] if rows else None
        if first and min(y for _, y in first["box"]) < _middle(part) < max(y for _, y in first["box"]):
            rows[-1].append(part)
        else:
            rows.append([part])
    return [sorted(row, key=lambda part: min(x for x, _ in part["box"])) for row in rows]


def _middle(part: dict[str, Any]) -> float:
    heights = [float(y) for _, y in part["box"]]
    return (min(heights) + max(heights)) / 2


@lru_cache(maxsize=1)
def _reader(threads: int) -> Any:
    """Load the models; again when the share of the cores changes, since the library lets its threads spin."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={"Global.log_level": "critical", "EngineConfig.onnxruntime.intra_op_num_threads": threads}
    )
