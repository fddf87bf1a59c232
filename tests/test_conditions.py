"""Condition images: edges and lines of drawn scenes, normals and poses with tiny random models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.conditions import TASKS
from tools.experts.conditions.normals import normals
from tools.experts.conditions.skeleton import COLOURS, FROM_COCO, NECK, body, skeletons
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

pytest.importorskip("cv2", reason="the extra vision is not installed")
SIZE = (150, 101)
PHOTOS = Path(__file__).parent.parent.parent / "shared/media"


@pytest.fixture
def scene(tmp_path: Path) -> str:
    """A pale house before a dark sky, 60 x 50 pixels, its left wall at column 40."""
    image = Image.new("RGB", SIZE, (40, 50, 90))
    ImageDraw.Draw(image).rectangle((40, 30, 100, 80), fill=(230, 220, 200))
    image.save(tmp_path / "scene.png")
    return str(tmp_path / "scene.png")


def job(task: str, image: str, out: Path, **more: Any) -> Job:
    out.mkdir(exist_ok=True)
    return Job(
        task=task, model=more.pop("model", None), inputs={"image": image}, out=out, device="cpu", **more
    )


def make(task: str, image: str, out: Path, **more: Any) -> Draft:
    return run_job(ENGINES["conditions"], job(task, image, out, **more))


def opened(draft: Draft) -> Any:
    with Image.open(draft.files[0]) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_every_task_of_the_engine_has_a_function() -> None:
    assert TASKS.keys() == set(ENGINES["conditions"].tasks)


@pytest.mark.parametrize("kind", ["canny", "hed", "mlsd"])
def test_outlines_are_white_on_black(kind: str, scene: str, tmp_path: Path) -> None:
    draft = make(f"{kind}-control", scene, tmp_path)
    drawn = opened(draft)
    assert draft.files[0].name == f"{kind}.png"
    assert drawn.shape == (SIZE[1], SIZE[0], 3)
    assert drawn[55, 37:43].max() > 200
    assert drawn[28:33, 70].max() > 200
    assert drawn[50:60, 60:80].max() < 30
    assert drawn[:15].max() < 30


@pytest.mark.parametrize("kind", ["canny", "hed", "mlsd"])
def test_pale_outlines_are_found_as_well(kind: str, tmp_path: Path) -> None:
    image = Image.new("RGB", SIZE, (40, 40, 40))
    ImageDraw.Draw(image).rectangle((40, 30, 100, 80), fill=(60, 60, 60))
    image.save(tmp_path / "pale.png")
    drawn = opened(make(f"{kind}-control", str(tmp_path / "pale.png"), tmp_path / "out"))
    assert drawn[55, 37:43].max() > 200


@pytest.mark.parametrize("kind", ["canny", "hed", "mlsd"])
def test_an_even_picture_has_no_edges(kind: str, tmp_path: Path) -> None:
    Image.new("RGB", SIZE, "red").save(tmp_path / "even.png")
    assert opened(make(f"{kind}-control", str(tmp_path / "even.png"), tmp_path / "out")).max() == 0


def test_canny_edges_are_thin_and_soft_edges_are_not(scene: str, tmp_path: Path) -> None:
    thin = opened(make("canny-control", scene, tmp_path / "a"))[55, :70, 0]
    soft = opened(make("hed-control", scene, tmp_path / "b"))[55, :70, 0]
    assert set(thin) == {0, 255}
    assert (thin > 0).sum() == 1
    assert len(set(soft)) > 4


def test_short_lines_are_left_out(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 400))
    draw = ImageDraw.Draw(image)
    draw.rectangle((50, 50, 60, 60), fill="white")
    draw.rectangle((150, 150, 350, 350), fill="white")
    image.save(tmp_path / "squares.png")
    drawn = opened(make("mlsd-control", str(tmp_path / "squares.png"), tmp_path / "out"))
    assert drawn[:100, :100].max() == 0
    assert drawn[145:155, 250].max() == 255


@pytest.mark.skipif(not PHOTOS.exists(), reason=f"{PHOTOS} is not there")
@pytest.mark.parametrize(
    ("kind", "least", "most"), [("canny", 0.02, 0.12), ("hed", 0.02, 0.2), ("mlsd", 0.005, 0.1)]
)
@pytest.mark.parametrize("photo", ["2334315.jpg", "2351464.jpg"])
def test_photos_have_a_fair_share_of_edges(
    photo: str, kind: str, least: float, most: float, tmp_path: Path
) -> None:
    drawn = opened(make(f"{kind}-control", str(PHOTOS / photo), tmp_path))
    assert least < (drawn > 127).mean() < most


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        make("canny-control", str(tmp_path / "a.png"), tmp_path)


async def test_in_a_worker_process(scene: str, tmp_path: Path) -> None:
    asked = job("canny-control", scene, tmp_path)
    try:
        draft = await workers.call("opencv", run_job, ENGINES["conditions"], asked, timeout=60)
    finally:
        workers.shutdown()
    assert draft.text == "Canny edges in a picture of 150 x 101 pixels."
    assert opened(draft).max() == 255


def test_normals_of_slopes() -> None:
    down, across = np.mgrid[0:64, 0:64].astype(np.float32) / 64
    assert normals(np.ones((64, 64), np.float32))[32, 32].tolist() == [127, 127, 255]
    red, green, blue = normals(across)[32, 32].tolist()
    assert red > 150
    assert green == 127
    assert blue > 200
    assert normals(-across)[32, 32, 0] < 105
    assert normals(down)[32, 32, 1] > 150
    far_left = normals(across)[32, 2].tolist()
    assert far_left == [127, 127, 255]


@pytest.fixture(scope="module")
def depth_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import DPTConfig, DPTForDepthEstimation, DPTImageProcessor

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("depth")
    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=32,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 16, 32, 32],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    model = DPTForDepthEstimation(config)
    # A random head's depths are mostly negative, which the last layer cuts off.
    with torch.no_grad():
        model.head.head[4].weight.mul_(10)
        model.head.head[4].bias.fill_(1)
    model.save_pretrained(folder, safe_serialization=True)
    DPTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_normals_with_a_depth_model(depth_model: Path, scene: str, tmp_path: Path) -> None:
    draft = make("normal-control", scene, tmp_path, model=depth_model)
    drawn = opened(draft)
    assert draft.text == "Surface normals in a picture of 150 x 101 pixels."
    assert drawn.shape == (SIZE[1], SIZE[0], 3)
    lengths = np.linalg.norm((drawn - 127.5) / 127.5, axis=2)
    assert np.abs(lengths - 1).max() < 0.03
    assert drawn[..., 2].min() >= 127
    assert len(np.unique(drawn[..., 0])) > 3


def test_normals_and_poses_need_a_model(scene: str, tmp_path: Path) -> None:
    for kind in ("normal", "openpose"):
        with pytest.raises(ModelError, match="needs the folder of a model"):
            make(f"{kind}-control", scene, tmp_path)


@pytest.fixture(scope="module")
def pose_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vitpose(tmp_path_factory.mktemp("pose"), keypoints=17)


def vitpose(folder: Path, keypoints: int, **backbone: Any) -> Path:
    import torch
    from transformers import (
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    torch.manual_seed(0)
    inside = VitPoseBackboneConfig(
        image_size=[64, 48],
        patch_size=[16, 16],
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        out_indices=[2],
        **backbone,
    )
    config = VitPoseConfig(
        backbone_config=inside, use_simple_decoder=True, num_labels=keypoints, scale_factor=4
    )
    model = VitPoseForPoseEstimation(config)
    # Random heat maps are faint: a keypoint counts from 0.3 on.
    with torch.no_grad():
        model.head.conv.weight.mul_(200)
        model.head.conv.bias.fill_(0.5)
    model.save_pretrained(folder, safe_serialization=True)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(folder)
    return folder


def test_pose_of_the_whole_picture(pose_model: Path, scene: str, tmp_path: Path) -> None:
    draft = make("openpose-control", scene, tmp_path, model=pose_model)
    drawn = opened(draft)
    assert draft.text == "Pose of 1 person in a picture of 150 x 101 pixels."
    assert drawn.shape == (SIZE[1], SIZE[0], 3)
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    assert (0, 0, 0) in colours
    assert len(colours & set(COLOURS)) > 3


def test_experts_for_several_sets_of_keypoints(scene: str, tmp_path: Path) -> None:
    model = vitpose(tmp_path / "plus", keypoints=17, num_experts=3, part_features=8)
    assert make("openpose-control", scene, tmp_path, model=model).text.startswith("Pose of 1 person")


def test_a_model_with_other_keypoints(scene: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="17 keypoints of COCO"):
        make("openpose-control", scene, tmp_path / "out", model=vitpose(tmp_path / "hands", keypoints=21))


@pytest.mark.parametrize(("label", "text"), [("person", "Poses of 4 people"), ("cat", "Poses of 0 people")])
def test_people_are_found_by_a_detector(
    label: str, text: str, pose_model: Path, scene: str, tmp_path: Path
) -> None:
    base = detector(tmp_path / "detector", label)
    draft = make("openpose-control", scene, tmp_path / "out", model=pose_model, base=base)
    assert draft.text.startswith(text)
    assert (opened(draft).max() > 0) == (label == "person")


def detector(folder: Path, label: str) -> Path:
    """Save a detector that sees the same label in each of its four boxes."""
    import torch
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=[64, 64],
        num_detection_tokens=4,
        id2label={0: label},
        label2id={label: 0},
    )
    model = YolosForObjectDetection(config)
    with torch.no_grad():
        model.class_labels_classifier.layers[-1].bias.copy_(torch.tensor([5.0, -5.0]))
    model.save_pretrained(folder, safe_serialization=True)
    YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_a_body_of_coco_as_openpose_has_it() -> None:
    joints = body({number: (float(number), 2.0 * number) for number in range(17)})
    assert len(joints) == 18
    assert joints[NECK] == (5.5, 11.0)
    assert sorted(FROM_COCO) == [number for number in range(18) if number != NECK]
    # COCO counts the left side first: its 9th keypoint is the left wrist, OpenPose's 7th.
    assert joints[7] == (9.0, 18.0)
    assert NECK not in body({5: (0.0, 0.0)})


def test_skeletons_have_openpose_s_colours() -> None:
    drawn = np.asarray(skeletons([{2: (20.0, 20.0), 3: (100.0, 20.0)}], (128, 64)))
    assert drawn.shape == (64, 128, 3)
    assert drawn[20, 20].tolist() == list(COLOURS[2])
    assert drawn[20, 100].tolist() == list(COLOURS[3])
    assert drawn[20, 60].tolist() == [int(value * 0.6) for value in COLOURS[2]]
    assert drawn[50, 60].tolist() == [0, 0, 0]
