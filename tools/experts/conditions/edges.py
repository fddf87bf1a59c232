"""Condition images of edges and lines, with OpenCV alone."""

from typing import Any

import numpy as np
from PIL import Image

SCALES = (1.0, 2.0, 4.0)
"""Widths of edges that are looked for, as standard deviations in pixels of a picture of `SIDE` pixels."""
SIDE = 512
"""Length of the shorter side that the scales are meant for; ControlNets were trained on such pictures."""
SHORTEST = 0.05
"""Shortest straight line that is kept, as a share of the picture's diagonal."""


def canny(image: Image.Image) -> Image.Image:
    """Find edges one pixel wide.

    The upper threshold is Otsu's of the gradient's strength, the lower one half of it, so that dark and pale
    pictures keep as many edges as others (Canny 1986, PAMI 8(6); Fang et al. 2009 for the thresholds).

    Args:
        image: An RGB picture.

    Returns:
        White edges on black, of the picture's size.
    """
    import cv2

    grey = cv2.GaussianBlur(np.asarray(image.convert("L")), (0, 0), 1.4 * _unit(image))
    across, down = (cv2.Sobel(grey, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1)))
    strength = cv2.convertScaleAbs(np.hypot(across.astype(np.float32), down.astype(np.float32)))
    high, _ = cv2.threshold(strength, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return Image.fromarray(cv2.Canny(across, down, high / 2, high, L2gradient=True))


def soft_edges(image: Image.Image) -> Image.Image:
    """Find soft edges: a classical stand-in for HED, which gives the same kind of picture.

    Holistically-nested edge detection (Xie and Tu, arXiv 1504.06375) is a trained network whose weights are
    only there as pickles. Here an edge is what is steep in colour at several scales at once, so that outlines
    stay and fine texture fades; unlike the network, it does not know objects from strong texture.

    Args:
        image: An RGB picture.

    Returns:
        Edges on black, the brighter the stronger, of the picture's size.
    """
    import cv2

    lab = cv2.cvtColor(np.asarray(image, dtype=np.float32) / 255, cv2.COLOR_RGB2LAB)
    product = np.ones(lab.shape[:2], np.float32)
    for scale in SCALES:
        smooth = cv2.GaussianBlur(lab, (0, 0), scale * _unit(image))
        product *= scale * _steepness(smooth)
    mean = product ** (1 / len(SCALES))
    # Half of a picture is no edge: what is there is noise.
    noise, full = np.percentile(mean, (50, 97))
    edges = np.clip((mean - noise) / max(full - noise, 1e-6), 0, 1) ** 1.2
    return Image.fromarray((edges * 255).astype(np.uint8))


def straight_lines(image: Image.Image) -> Image.Image:
    """Find straight lines with the line segment detector (von Gioi et al. 2012, IPOL 2).

    It takes the place of M-LSD (Gu et al., arXiv 2106.00186), which needs a network, and draws as that does.

    Args:
        image: An RGB picture.

    Returns:
        White lines on black, of the picture's size.
    """
    import cv2

    grey = cv2.GaussianBlur(np.asarray(image.convert("L")), (0, 0), 1.0 * _unit(image))
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    segments = np.zeros((0, 4), np.float32) if found is None else found.reshape(-1, 4)
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    lines = np.zeros(grey.shape, np.uint8)
    for x1, y1, x2, y2 in segments[lengths >= SHORTEST * np.hypot(*image.size)]:
        ends = (round(float(x1)), round(float(y1))), (round(float(x2)), round(float(y2)))
        cv2.line(lines, *ends, 255, max(1, round(_unit(image))))
    return Image.fromarray(lines)


def _steepness(smooth: Any) -> Any:
    """Return the gradient's length over all channels of an array of shape [height, width, channels]."""
    import cv2

    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    return np.sqrt((across**2 + down**2).sum(axis=2))


def _unit(image: Image.Image) -> float:
    """Return how many pixels of this picture are one of a picture of `SIDE` pixels; at least one."""
    return max(1.0, min(image.size) / SIDE)
