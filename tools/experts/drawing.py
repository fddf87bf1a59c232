"""Results drawn on the picture they are about."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
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
"""Colours that are told apart easily, also beside each other; further ones are computed."""
GOLDEN = 0.618034
"""Part of the colour circle between computed colours, so that none of them are alike."""
Corners = tuple[float, float, float, float]


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
    """Return a copy of the picture with boxes and their labels; each label has a colour of its own.

    Boxes and labels end at the picture's edges; where there is room, labels do not cover each other.
    """
    drawn = image.convert("RGB")
    draw, tags = ImageDraw.Draw(drawn), _Tags(drawn)
    colours = _colours([box.label for box in boxes])
    places = [_inside(box, image.size) for box in boxes]
    for box, place in zip(boxes, places, strict=True):
        draw.rectangle(place, outline=colours[box.label], width=tags.unit)
    for box, (left, top, _, bottom) in zip(boxes, places, strict=True):
        text = f"{box.label} {box.score:.2f}"
        width, height = tags.size(text)
        spots = [(left, top - height), (left, top), (left, bottom), (left, bottom - height)]
        tags.write(text, colours[box.label], [(x, y, x + width, y + height) for x, y in spots])
    return drawn


def masks_on(image: Image.Image, masks: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Return a copy of the picture with each mask's area tinted and its label in the middle.

    Args:
        image: The picture.
        masks: Labels with masks, white where the label holds; another size is scaled to the picture's. Each
            label has a colour of its own.
    """
    drawn = image.convert("RGB")
    colours = _colours([label for label, _ in masks])
    middles: list[tuple[str, float, float]] = []
    for label, mask in masks:
        area = mask.convert("L").resize(image.size).point(lambda value: 128 if value > 127 else 0)
        if box := area.getbbox():
            part = area.crop(box)
            drawn.paste(colours[label], box, part)
            x, y = _middle(part)
            middles.append((label, box[0] + x, box[1] + y))
    tags = _Tags(drawn)
    for label, x, y in middles:
        width, height = tags.size(label)
        left, top = x - width / 2, y - height / 2
        tags.write(label, colours[label], [(left, top, left + width, top + height)])
    return drawn


class _Tags:
    """Labels on a picture, white on a colour."""

    def __init__(self, drawn: Image.Image) -> None:
        self.unit = max(2, round(max(drawn.size) / 400))
        """Width of a line in pixels."""
        self._draw = ImageDraw.Draw(drawn)
        self._size = drawn.size
        self._font = ImageFont.load_default(size=max(12, max(drawn.size) / 40))
        self._taken: list[Corners] = []

    def size(self, text: str) -> tuple[float, float]:
        """Return width and height that a label takes."""
        # With letters above and below all others, so that labels are of one height.
        height = self._draw.textbbox((0, 0), "Áy", font=self._font)[3] + 1
        return self._draw.textlength(self._short(text), font=self._font) + 2 * self.unit, height

    def write(self, text: str, colour: str, spots: Sequence[Corners]) -> None:
        """Write a label at the first spot, moved into the picture, that no other label has taken."""
        inside = [self._moved(spot) for spot in spots]
        place = next(
            (spot for spot in inside if not any(_touch(spot, one) for one in self._taken)), inside[0]
        )
        self._taken.append(place)
        self._draw.rectangle(place, fill=colour)
        self._draw.text((place[0] + self.unit, place[1]), self._short(text), fill="white", font=self._font)

    def _moved(self, spot: Corners) -> Corners:
        left, top, right, bottom = spot
        x = max(0, min(left, self._size[0] - 1 - (right - left)))
        y = max(0, min(top, self._size[1] - 1 - (bottom - top)))
        return x, y, x + right - left, y + bottom - top

    def _short(self, text: str) -> str:
        """Cut a label that is wider than the picture."""
        room, whole = self._size[0] - 2 * self.unit, text
        while len(text) > 1 and self._draw.textlength(text, font=self._font) > room:
            whole = whole[:-1]
            text = f"{whole}…"
        return text


def _inside(box: Box, size: tuple[int, int]) -> Corners:
    """Return a box's corners in order and within the picture."""
    left, right = (min(max(x, 0), size[0] - 1) for x in sorted((box.left, box.right)))
    top, bottom = (min(max(y, 0), size[1] - 1) for y in sorted((box.top, box.bottom)))
    return left, top, right, bottom


def _touch(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _middle(mask: Image.Image) -> tuple[float, float]:
    """Return the point of a mask, which is not empty, that is closest to its centre of mass."""
    ys, xs = np.nonzero(np.asarray(mask))
    nearest = ((xs - xs.mean()) ** 2 + (ys - ys.mean()) ** 2).argmin()
    return float(xs[nearest]), float(ys[nearest])


def _colours(labels: Sequence[str]) -> dict[str, str]:
    return {label: _colour(number) for number, label in enumerate(dict.fromkeys(labels))}


def _colour(number: int) -> str:
    if number < len(COLOURS):
        return COLOURS[number]
    red, green, blue = colorsys.hsv_to_rgb(number * GOLDEN % 1, 0.9, (0.75, 0.5)[number % 2])
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
