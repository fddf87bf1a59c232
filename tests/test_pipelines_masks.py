"""The pipeline engine on areas and depth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_masks as tiny
from PIL import Image
from tiny_vision import do

from tools.errors import SetupError
from tools.experts.pipelines import masks
from tools.outputs import Draft

SIZE = (80, 60)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    drawn = Image.new("RGB", SIZE, "blue")
    drawn.paste("red", (20, 15, 60, 45))
    drawn.save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.fixture
def _few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "GRID", 4)


def check_files(draft: Draft) -> list[Any]:
    """Check that all files are pictures of the right size; return the data."""
    for path in draft.files:
        with Image.open(path) as picture:
            assert picture.size == SIZE
    assert isinstance(draft.data, list)
    return draft.data


def test_semantic_areas_have_labels_and_masks(tmp_path: Path, image: Path) -> None:
    draft = do("image-segmentation", tiny.segformer(tmp_path / "model"), image)
    assert check_files(draft) == [{"label": "bird", "score": None}]
    assert [path.name for path in draft.files] == ["segments.png", "mask-1-bird.png"]
    assert np.asarray(Image.open(draft.files[1])).min() == 255


@pytest.mark.parametrize(
    "build",
    [tiny.detr_panoptic, tiny.maskformer, tiny.mask2former],
    ids=["detr", "maskformer", "mask2former"],
)
def test_instances_have_scores_and_masks(tmp_path: Path, image: Path, build: Callable[[Path], Path]) -> None:
    draft = do("image-segmentation", build(tmp_path / "model"), image)
    found = check_files(draft)
    assert {one["label"] for one in found} == {"dog"}
    assert all(0.9 < one["score"] <= 1 for one in found)
    assert len(draft.files) == 1 + len(found)


def test_oneformer_works_without_torchvision_and_without_the_hub(tmp_path: Path, image: Path) -> None:
    draft = do("image-segmentation", tiny.oneformer(tmp_path / "model"), image)
    assert check_files(draft) == [{"label": "dog", "score": None}]


@pytest.fixture
def _all_masks(_few_points: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep also masks of the same thing: the tiny model sees only one."""
    monkeypatch.setattr(masks, "SAME", 1.0)


@pytest.mark.usefixtures("_all_masks")
def test_masks_are_numbered_from_the_largest_and_the_first_ones_are_files(
    tmp_path: Path, image: Path
) -> None:
    draft = do("mask-generation", tiny.sam(tmp_path / "model"), image)
    found = check_files(draft)
    assert len(found) > 20
    assert [one["label"] for one in found] == [str(number) for number in range(1, len(found) + 1)]
    shares = [one["share"] for one in found]
    assert shares == sorted(shares, reverse=True)
    assert [path.name for path in draft.files] == ["masks.png", *(f"mask-{n}.png" for n in range(1, 21))]
    assert draft.text == f"{len(found)} masks, numbered from the largest; the 20 largest are files."


@pytest.mark.usefixtures("_few_points")
def test_a_mask_is_told_with_its_box_and_share(tmp_path: Path, image: Path) -> None:
    draft = do("mask-generation", tiny.sam(tmp_path / "model"), image)
    found = check_files(draft)
    assert draft.text == "1 mask, numbered from the largest."
    mask = np.asarray(Image.open(draft.files[1])) > 127
    ys, xs = np.nonzero(mask)
    assert found[0]["share"] == pytest.approx(mask.mean(), abs=1e-3)
    assert found[0]["box"] == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert found[0]["score"] == 1


@pytest.mark.usefixtures("_few_points")
def test_masks_of_a_picture_larger_than_sam_sees_are_of_its_size(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "SIDE", 40)
    assert check_files(do("mask-generation", tiny.sam(tmp_path / "model"), image))


def test_of_masks_of_the_same_thing_the_best_is_kept() -> None:
    import torch

    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 6]])
    code = {"size": [2, 3], "counts": [1, 2, 3]}
    found, scores, _, kept = masks._apart([code] * 4, torch.tensor([0.9, 0.95, 0.8, 0.5]), boxes, 0.7)
    assert scores.tolist() == pytest.approx([0.95, 0.8, 0.5])
    assert kept.tolist() == [[0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 6]]
    # Columns of the mask follow each other: one black, two white, three black.
    assert found[0].tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize("build", [tiny.dpt, tiny.depth_anything], ids=["dpt", "depth-anything"])
def test_depth_is_a_picture_that_uses_all_greys(
    tmp_path: Path, image: Path, build: Callable[[Path], Path]
) -> None:
    draft = do("depth-estimation", build(tmp_path / "model"), image)
    assert draft.data == {"near": "bright", "unit": None}
    with Image.open(draft.files[0]) as depth:
        assert (depth.mode, depth.size, depth.getextrema()) == ("L", SIZE, (0, 255))


@pytest.mark.parametrize("kind", ["glpn", "depth-anything"])
def test_metres_are_told_and_near_is_bright(tmp_path: Path, image: Path, kind: str) -> None:
    from tools.experts.pipelines.loading import load

    model = tmp_path / "model"
    tiny.glpn(model) if kind == "glpn" else tiny.depth_anything(model, "metric")
    draft = do("depth-estimation", model, image)
    metres = load("depth-estimation", model, "cpu")(str(image))["predicted_depth"].numpy()
    assert isinstance(draft.data, dict)
    assert draft.data["nearest"] == round(float(metres.min()), 2)
    assert draft.data["farthest"] == round(float(metres.max()), 2)
    assert f"to {draft.data['farthest']} m" in draft.text
    grey = np.asarray(Image.open(draft.files[0]))
    assert grey.flat[metres.argmin()] == 255
    assert grey.flat[metres.argmax()] == 0


def test_zoedepth_names_the_library_it_needs(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.experts.pipelines.loading import load

    model = tiny.dpt(tmp_path / "model")
    monkeypatch.setattr(load("depth-estimation", model, "cpu").model.config, "model_type", "zoedepth")
    with pytest.raises(SetupError, match="needs torchvision, which is not installed"):
        do("depth-estimation", model, image)
