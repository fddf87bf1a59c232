"""Condition images of people's poses, with ViTPose (Xu et al., arXiv 2204.12484)."""

from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from tools.errors import ModelError
from tools.experts.conditions.skeleton import FROM_COCO, Point, body, skeletons
from tools.experts.devices import device_for, dtype_for
from tools.experts.pipelines.loading import load

SURE = 0.3
"""Least score of a keypoint that is drawn."""
PERSON = "person"
"""The label of people in COCO, which object detectors learn from."""
PEOPLE = 20
"""Most people that are drawn, the surest first."""


def poses(image: Image.Image, model: Path, detector: Path | None, device: str) -> tuple[Image.Image, int]:
    """Find people's poses.

    Args:
        image: An RGB picture.
        model: Folder of a ViTPose model with COCO's 17 keypoints.
        detector: Folder of an object detection model that finds the people; without one, the whole picture
            is taken for one person.
        device: See `tools.experts.devices`.

    Returns:
        Skeletons on black, of the picture's size, and how many people they are of.

    Raises:
        ModelError: The model finds other keypoints than those of COCO.
    """
    boxes = _people(image, detector, device) if detector else [[0.0, 0.0, *map(float, image.size)]]
    bodies = [joints for points in _keypoints(image, boxes, model, device) if (joints := body(points))]
    return skeletons(bodies, image.size), len(bodies)


def _people(image: Image.Image, detector: Path, device: str) -> list[list[float]]:
    """Return people's boxes as left, top, width and height."""
    found = [one for one in load("object-detection", detector, device)(image) if one["label"] == PERSON]
    boxes = [one["box"] for one in sorted(found, key=lambda one: -one["score"])[:PEOPLE]]
    return [[b["xmin"], b["ymin"], float(b["xmax"] - b["xmin"]), float(b["ymax"] - b["ymin"])] for b in boxes]


def _keypoints(
    image: Image.Image, boxes: list[list[float]], folder: Path, device: str
) -> list[dict[int, Point]]:
    """Return the sure keypoints in each box, by their number in COCO's order."""
    import torch

    if not boxes:
        return []
    processor, model = _vitpose(folder, device)
    inputs = processor(image, boxes=[boxes], return_tensors="pt").to(model.device, model.dtype)
    if model.config.backbone_config.num_experts > 1:
        # ViTPose+ has one expert per data set; the first is COCO's.
        inputs["dataset_index"] = torch.zeros(len(boxes), dtype=torch.int64, device=model.device)
    with torch.inference_mode():
        outputs = model(**inputs)
    if outputs.heatmaps.shape[1] != len(FROM_COCO):
        raise ModelError(f"{folder.name} does not find the {len(FROM_COCO)} keypoints of COCO.")
    outputs.heatmaps = outputs.heatmaps.float()
    people = processor.post_process_pose_estimation(outputs, boxes=[boxes], threshold=SURE)[0]
    return [_sure(person) for person in people]


def _sure(person: Any) -> dict[int, Point]:
    pairs = zip(person["labels"].tolist(), person["keypoints"].tolist(), strict=True)
    return {number: (x, y) for number, (x, y) in pairs}


@cache
def _vitpose(folder: Path, device: str) -> tuple[Any, Any]:
    from transformers import AutoImageProcessor, VitPoseForPoseEstimation

    where = device_for(device)
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = VitPoseForPoseEstimation.from_pretrained(
        folder, dtype=dtype_for(where), use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    return processor, model.to(where).eval()
