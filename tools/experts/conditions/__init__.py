"""Condition images, which guide the making of other images."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tools.errors import ModelError
from tools.experts.conditions.edges import canny, soft_edges, straight_lines
from tools.experts.conditions.normals import normal_map
from tools.experts.conditions.poses import poses
from tools.experts.engine import Job, Run
from tools.experts.files import picture
from tools.outputs import Draft


def run(job: Job) -> Draft:
    """Turn a picture into a condition image of the same size.

    Edges and lines need no model. Normals need a depth estimation model, poses a ViTPose model and, for more
    than one person, an object detection model as its `base`.

    Raises:
        InputError: The file is no picture.
        ModelError: The model's folder is missing, or it cannot do the task.
    """
    if job.task not in TASKS:
        raise ModelError(f"This engine cannot do {job.task}.")
    return TASKS[job.task](job)


def _drawn(about: str, draw: Callable[[Image.Image], Image.Image]) -> Run:
    """Return the function of a task that needs no model."""

    def task(job: Job) -> Draft:
        return _saved(about, draw(picture(job.inputs["image"])), job)

    return task


def _normals(job: Job) -> Draft:
    image = normal_map(picture(job.inputs["image"]), _model(job), job.device)
    return _saved("Surface normals", image, job)


def _poses(job: Job) -> Draft:
    image, people = poses(picture(job.inputs["image"]), _model(job), job.base, job.device)
    return _saved(f"Poses of {people} people" if people != 1 else "Pose of 1 person", image, job)


def _model(job: Job) -> Path:
    if job.model is None:
        raise ModelError(f"{job.task} needs the folder of a model.")
    return job.model


def _saved(about: str, image: Image.Image, job: Job) -> Draft:
    path = job.out / f"{job.task.removesuffix('-control')}.png"
    image.save(path)
    return Draft(text=f"{about} in a picture of {image.width} x {image.height} pixels.", files=(path,))


TASKS: dict[str, Run] = {
    "canny-control": _drawn("Canny edges", canny),
    "hed-control": _drawn("Soft edges", soft_edges),
    "mlsd-control": _drawn("Straight lines", straight_lines),
    "normal-control": _normals,
    "openpose-control": _poses,
}
"""What this engine can do, by task row."""
