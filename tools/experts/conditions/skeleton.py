"""Drawing the poses of people as OpenPose does (Cao et al., arXiv 1812.08008), which ControlNets learnt from."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

Point = tuple[float, float]

NECK, RIGHT_SHOULDER, LEFT_SHOULDER = 1, 2, 5
"""Places in OpenPose's body model of 18 joints."""
FROM_COCO = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
"""For each of COCO's 17 keypoints, the place of the same joint in that body model, which adds the neck."""
BONES = (
    (1, 2),
    (1, 5),
    (2, 3),
    (3, 4),
    (5, 6),
    (6, 7),
    (1, 8),
    (8, 9),
    (9, 10),
    (1, 11),
    (11, 12),
    (12, 13),
    (1, 0),
    (0, 14),
    (14, 16),
    (0, 15),
    (15, 17),
)
"""Pairs of joints that are joined, in the order of their colours."""
COLOURS = (
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (85, 0, 255),
    (170, 0, 255),
    (255, 0, 255),
    (255, 0, 170),
    (255, 0, 85),
)
"""OpenPose's colours of joints and bones; ControlNets know left from right by them."""
SIDE = 512
"""Pixels of the shorter side of a picture in which bones are eight pixels wide."""


def body(keypoints: Mapping[int, Point]) -> dict[int, Point]:
    """Turn keypoints of COCO into joints of OpenPose; the neck is halfway between the shoulders.

    Args:
        keypoints: Number in COCO's order to place in pixels; those that were not seen are left out.

    Returns:
        Number in OpenPose's order to place.
    """
    joints = {FROM_COCO[number]: place for number, place in keypoints.items()}
    if RIGHT_SHOULDER in joints and LEFT_SHOULDER in joints:
        (x1, y1), (x2, y2) = joints[RIGHT_SHOULDER], joints[LEFT_SHOULDER]
        joints[NECK] = ((x1 + x2) / 2, (y1 + y2) / 2)
    return joints


def skeletons(bodies: Iterable[Mapping[int, Point]], size: tuple[int, int]) -> Image.Image:
    """Draw bodies in OpenPose's colours.

    Args:
        bodies: For each person, joints in OpenPose's order; see `body`.
        size: Width and height of the picture in pixels.

    Returns:
        Coloured skeletons on black.
    """
    import cv2

    width = max(1, round(4 * min(size) / SIDE))
    drawn = np.zeros((size[1], size[0], 3), np.uint8)
    people = list(bodies)
    for joints in people:
        for colour, (start, end) in zip(COLOURS, BONES, strict=False):
            if start in joints and end in joints:
                _bone(drawn, (joints[start], joints[end]), width, colour)
    # As OpenPose draws them: bones darker than joints.
    drawn = (drawn * 0.6).astype(np.uint8)
    for joints in people:
        for number, (x, y) in joints.items():
            cv2.circle(drawn, (round(x), round(y)), width, COLOURS[number], thickness=-1)
    return Image.fromarray(drawn)


def _bone(drawn: Any, ends: tuple[Point, Point], width: int, colour: Sequence[int]) -> None:
    import cv2

    (x1, y1), (x2, y2) = ends
    centre = (round((x1 + x2) / 2), round((y1 + y2) / 2))
    axes = (round(math.dist(*ends) / 2), width)
    angle = round(math.degrees(math.atan2(y2 - y1, x2 - x1)))
    cv2.fillConvexPoly(drawn, cv2.ellipse2Poly(centre, axes, angle, 0, 360, 1), colour)
