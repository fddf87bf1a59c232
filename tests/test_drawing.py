"""What is drawn on pictures."""

import numpy as np
import pytest
from PIL import Image

from tools.experts.drawing import COLOURS, Box, boxes_on, masks_on

WHITE = Image.new("RGB", (200, 120), "white")


def coloured(image: Image.Image, colour: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Return where a picture has a colour, of shape [height, width]."""
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (np.asarray(image) == wanted).all(-1)
    return found


@pytest.mark.parametrize(
    "box",
    [
        Box("cat", 0.9, -50, -50, 400, 400),
        Box("cat", 0.9, 195, 0, 199, 20),
        Box("cat", 0.9, 0, 110, 20, 119),
        Box("cat", 0.9, 150, 100, 20, 10),
        Box(
            "a label so long that it does not fit into the picture however it is placed", 0.9, 50, 50, 90, 90
        ),
    ],
    ids=["beyond", "right edge", "lower edge", "corners swapped", "long label"],
)
def test_a_label_is_whole_and_inside_the_picture(box: Box) -> None:
    drawn = boxes_on(WHITE, [box])
    assert drawn.size == WHITE.size
    # Rows of the plate: wider than the two lines of a box; the plate must be as high as its text.
    wide = coloured(drawn, COLOURS[0])
    rows = np.nonzero(wide.sum(1) > 20)[0]
    assert len(rows) >= 12


def test_a_label_wider_than_the_picture_is_cut_and_says_so() -> None:
    drawn = boxes_on(WHITE, [Box("mmmmm " * 12, 0.9, 50, 50, 90, 90)])
    plate = coloured(drawn, COLOURS[0])
    rows = np.nonzero(plate.sum(1) > 20)[0]
    assert plate[rows[2:8], -4:-1].all()
    # The dots at the end stand low: above them is nothing but colour.
    assert plate[rows[2:6], 188:].all()


def test_labels_do_not_cover_each_other() -> None:
    boxes = [Box("first", 0.9, 60, 40, 150, 100), Box("other", 0.8, 60, 46, 150, 106)]
    together, alone = boxes_on(WHITE, boxes), boxes_on(WHITE, boxes[:1])
    plates = [(coloured(image, COLOURS[0]).sum(1) > 20)[:38].sum() for image in (together, alone)]
    assert plates[0] == plates[1] >= 8
    assert (coloured(together, COLOURS[1]).sum(1) > 20).sum() >= 12


def test_many_labels_have_a_colour_each() -> None:
    masks = []
    for number in range(60):
        mask = Image.new("L", WHITE.size)
        mask.paste(255, (3 * number, 20, 3 * number + 3, 120))
        masks.append((str(number), mask))
    drawn = masks_on(WHITE, masks).crop((0, 118, 180, 119))
    colours = drawn.getcolors()
    assert colours
    assert len(colours) == 60


def test_a_mask_is_tinted_where_it_is_and_labelled_on_it() -> None:
    mask = Image.new("L", (100, 60))
    mask.paste(255, (50, 0, 100, 60))
    drawn = np.asarray(masks_on(WHITE, [("sky", mask), ("nothing", Image.new("L", (100, 60)))]))
    assert (drawn[:, :100] == 255).all()
    assert drawn[2, 198].tolist() == [242, 140, 165]
    assert coloured(Image.fromarray(drawn), COLOURS[0])[:, 100:].sum() > 100
