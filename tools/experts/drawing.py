"""Results drawn on the picture they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

COLOURS = (
    "#e6194b",
    "#3cb44b",
    "#4363d8",
    "#f58231",
    "#911eb4",
    "#008080",
    "#9a6324",
    "#800000",
    "#808000",
    "#000075",
)
"""Colours that are told apart easily, also beside each other; reused in turn."""


@dataclass(frozen=True)
class Box:
    """A labelled rectangle, in pixels from the upper left corner."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


def boxes_on(image: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Return a copy of the picture with boxes and their labels; each label has a colour of its own."""
    drawn = image.convert("RGB")
    draw = ImageDraw.Draw(drawn)
    unit = max(2, round(max(image.size) / 300))
    font = ImageFont.load_default(size=max(10, 6 * unit))
    colours = _colours([box.label for box in boxes])
    for box in boxes:
        colour, text = colours[box.label], f"{box.label} {box.score:.2f}"
        corners = (*sorted((box.left, box.right)), *sorted((box.top, box.bottom)))
        draw.rectangle((corners[0], corners[2], corners[1], corners[3]), outline=colour, width=unit)
        height = draw.textbbox((0, 0), text, font=font)[3] + unit
        place = (corners[0], max(0, corners[2] - height))
        draw.rectangle(draw.textbbox(place, text, font=font), fill=colour)
        draw.text(place, text, fill="white", font=font)
    return drawn


def masks_on(image: Image.Image, masks: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Return a copy of the picture with each mask's area tinted.

    Args:
        image: The picture.
        masks: Labels with masks, white where the label holds; another size is scaled to the picture's.
    """
    drawn = image.convert("RGB")
    colours = _colours([label for label, _ in masks])
    for label, mask in masks:
        area = mask.convert("L").resize(image.size).point(lambda value: 128 if value > 127 else 0)
        drawn.paste(Image.new("RGB", image.size, colours[label]), mask=area)
    return drawn


def _colours(labels: Sequence[str]) -> dict[str, str]:
    return {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(dict.fromkeys(labels))}
