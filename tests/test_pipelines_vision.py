"""The pipeline engine on pictures: labels, objects, vectors, and what it needs of the libraries."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_vision as tiny
from PIL import Image
from tiny_vision import do

from tools.errors import InputError, ModelError, SetupError
from tools.experts import workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.pipelines import TASKS, vision
from tools.outputs import Draft

WIDTH, HEIGHT = 80, 60


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A picture of a red square on blue."""
    drawn = Image.new("RGB", (WIDTH, HEIGHT), "blue")
    drawn.paste("red", (20, 15, 60, 45))
    drawn.save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.fixture
def _end_workers() -> Iterator[None]:
    yield
    workers.shutdown()


def items(draft: Draft) -> list[Any]:
    assert isinstance(draft.data, list)
    return draft.data


def test_each_task_on_pictures_that_the_engine_promises_is_there() -> None:
    promised = {task for task in ENGINES["pipeline"].tasks if "image" in task or "object" in task}
    assert promised | {"mask-generation", "depth-estimation", "document-question-answering"} <= set(TASKS)


def test_an_image_is_sorted_into_the_models_own_classes(tmp_path: Path, image: Path) -> None:
    draft = do("image-classification", tiny.vit(tmp_path / "model"), image)
    assert draft.text == "dog 0.84, bird 0.11, cat 0.04"
    assert items(draft)[0] == {"label": "dog", "score": 0.8438}


@pytest.mark.usefixtures("_end_workers")
async def test_a_worker_keeps_the_model_and_returns_the_picture(tmp_path: Path, image: Path) -> None:
    model = tiny.yolos(tmp_path / "model")
    job = Job(task="object-detection", model=model, inputs={"image": str(image)}, out=tmp_path, device="cpu")
    for _ in range(2):
        draft = await workers.call("tiny/yolos", run_job, ENGINES["pipeline"], job, timeout=120)
        assert draft.text == "dog 0.98, dog 0.98"
    with Image.open(draft.files[0]) as drawn:
        assert drawn.size == (WIDTH, HEIGHT)


def test_clip_shares_one_out_among_the_labels(tmp_path: Path, image: Path) -> None:
    draft = do("zero-shot-image-classification", tiny.clip(tmp_path / "model"), image, labels="cat, dog")
    assert {one["label"] for one in items(draft)} == {"cat", "dog"}
    assert sum(one["score"] for one in items(draft)) == pytest.approx(1, abs=1e-3)


def test_siglip_scores_each_label_on_its_own(tmp_path: Path, image: Path) -> None:
    model = tiny.siglip(tmp_path / "model")
    draft = do("zero-shot-image-classification", model, image, labels="cat, dog, a photo of the cat")
    scores = [one["score"] for one in items(draft)]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) != pytest.approx(1, abs=1e-2)


def test_one_label_is_no_choice(tmp_path: Path, image: Path) -> None:
    with pytest.raises(InputError, match="at least 2 labels"):
        do("zero-shot-image-classification", tiny.clip(tmp_path / "model"), image, labels="cat")


@pytest.mark.parametrize("build", [tiny.yolos, tiny.detr], ids=["yolos", "detr"])
def test_objects_are_found_and_drawn(tmp_path: Path, image: Path, build: Callable[[Path], Path]) -> None:
    draft = do("object-detection", build(tmp_path / "model"), image)
    assert items(draft)[0] == {"label": "dog", "score": 0.9802, "box": [20.0, 15.0, 60.0, 45.0]}
    assert [path.name for path in draft.files] == ["objects.png"]
    with Image.open(draft.files[0]) as drawn:
        assert drawn.size == (WIDTH, HEIGHT)
        assert drawn.getpixel((20, 40)) == (0xE6, 0x19, 0x4B)


def test_rt_detr_finds_objects(tmp_path: Path, image: Path) -> None:
    draft = do("object-detection", tiny.rt_detr(tmp_path / "model"), image)
    assert {(one["label"], one["score"]) for one in items(draft)} == {("dog", 0.9526)}
    assert all(len(one["box"]) == 4 for one in items(draft))


def test_a_detr_as_published_needs_no_timm(tmp_path: Path, image: Path) -> None:
    from transformers import ResNetConfig

    from tools.experts.pipelines.loading import _load, load
    from tools.experts.pipelines.timm_resnet import RESNETS

    backbone = ResNetConfig(**RESNETS["resnet18"], out_features=["stage1", "stage2", "stage3", "stage4"])
    model = tiny.detr(tmp_path / "model", backbone)
    expected = load("object-detection", model, "cpu").model.state_dict()
    _load.cache_clear()
    draft = do("object-detection", tiny.as_timm(model, name="resnet18"), image)
    assert draft.text.startswith("dog 0.98")
    found = load("object-detection", model, "cpu").model.state_dict()
    assert {key for key in expected if not expected[key].equal(found[key])} == set()


def test_a_dilated_detr_names_the_library_it_needs(tmp_path: Path, image: Path) -> None:
    model = tiny.as_timm(tiny.detr(tmp_path / "model"), name="resnet18")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "dilation": True}))
    with pytest.raises(SetupError, match=r"needs timm, which is not installed: pip install timm\."):
        do("object-detection", model, image)


@pytest.mark.parametrize("task", ["image-classification", "image-feature-extraction"])
def test_a_model_whose_pictures_only_torchvision_prepares_says_so(
    tmp_path: Path, image: Path, task: str
) -> None:
    model = tiny.vit(tmp_path / "model")
    (model / "preprocessor_config.json").write_text('{"image_processor_type": "Sam2ImageProcessor"}')
    with pytest.raises(SetupError, match="needs torchvision"):
        do(task, model, image)


def test_named_objects_are_found(tmp_path: Path, image: Path) -> None:
    draft = do("zero-shot-object-detection", tiny.owlvit(tmp_path / "model"), image, labels="cat, Dog")
    assert {one["label"] for one in items(draft)} <= {"cat", "Dog"}
    assert items(draft)
    with Image.open(draft.files[0]) as drawn:
        assert drawn.size == (WIDTH, HEIGHT)


def test_grounding_dino_is_asked_its_way_and_answers_with_the_users_labels(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.grounding_dino(tmp_path / "model")
    draft = do("zero-shot-object-detection", model, image, labels="cat, Dog.")
    assert {one["label"] for one in items(draft)} == {"cat", "Dog."}
    monkeypatch.setattr(vision, "GROUNDED_THRESHOLD", 1.0)
    draft = do("zero-shot-object-detection", model, image, labels="cat, Dog.")
    assert (draft.text, draft.data) == ("No objects were found.", [])


def test_a_pooling_that_was_never_trained_is_not_used(tmp_path: Path, image: Path) -> None:
    import torch

    from tools.experts.pipelines import embedding

    model = tiny.vit(tmp_path / "model")
    vectors = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        embedding._loaded.cache_clear()
        job = Job(
            task="image-feature-extraction",
            model=model,
            inputs={"image": str(image)},
            out=tmp_path,
            device="cpu",
        )
        vectors.append(items(run_job(ENGINES["pipeline"], job)))
    assert len(vectors[0]) == 16
    assert vectors[0] == vectors[1]


def test_clip_gives_the_vector_that_texts_are_compared_with(tmp_path: Path, image: Path) -> None:
    draft = do("image-feature-extraction", tiny.clip(tmp_path / "model"), image)
    assert len(items(draft)) == tiny.PROJECTION
    assert draft.text.startswith(f"Vector of {tiny.PROJECTION} numbers: ")


def test_weights_other_than_safetensors_are_refused(tmp_path: Path, image: Path) -> None:
    import torch

    model = tiny.vit(tmp_path / "model")
    (model / "model.safetensors").unlink()
    torch.save({}, model / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no weights in the safetensors format"):
        do("image-classification", model, image)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_text("no picture")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        do("image-classification", tiny.vit(tmp_path / "model"), tmp_path / "image.png")


def test_without_a_model_there_is_a_sentence(tmp_path: Path) -> None:
    job = Job(task="image-classification", model=None, inputs={"image": "x"}, out=tmp_path)
    with pytest.raises(ModelError, match="cannot do image-classification"):
        run_job(ENGINES["pipeline"], job)
