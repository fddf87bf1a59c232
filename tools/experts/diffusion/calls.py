"""Calling diffusion pipelines: how much work, which noise, and what may come out."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.devices import device_for
from tools.experts.engine import Job
from tools.tasks import TASKS


@dataclass(frozen=True)
class Limits:
    """The most work that is done where a pipeline's own defaults ask for more."""

    steps: int
    """Denoising steps."""
    frames: int
    """Frames of a video; of the form 8 n + 1, which all video models take."""
    pixels: int
    """Width times height of a video."""


LIMITS = {"cpu": Limits(steps=20, frames=17, pixels=512 * 320)}
"""Limits by type of device. GPUs have none: there the pipeline's defaults hold."""

FRAME_COUNTS = ("num_frames", "frames")
"""Parameters that only pipelines for videos have."""


def call(pipe: Any, job: Job, made: str, **inputs: Any) -> Any:
    """Run a pipeline.

    Args:
        pipe: A `diffusers.DiffusionPipeline`.
        job: The job; its inputs are the seed, so that the same task gives the same result.
        made: What the pipeline is to make, a field of its output: `images` or `frames`.
        inputs: Arguments of the pipeline. It must accept them all.

    Returns:
        The first of what it made: a picture, or the frames of a video.

    Raises:
        ModelError: The pipeline needs more than that or makes something else, or its safety checker held the
            picture back.
    """
    import torch

    parameters = accepted(pipe)
    given = {**inputs, "generator": torch.Generator("cpu").manual_seed(seed(job)), **_steps(parameters, job)}
    name = type(pipe).__name__
    if (made == "frames") == parameters.keys().isdisjoint(FRAME_COUNTS):
        raise ModelError(f"{name} cannot do {job.task}: it makes no {made}.")
    if foreign := sorted(inputs.keys() - parameters):
        raise ModelError(f"{name} cannot do {job.task}: it takes no {foreign[0]!r}.")
    required = [key for key, one in parameters.items() if one.default is one.empty]
    if unmet := [key for key in required if key not in given]:
        raise ModelError(f"{name} cannot do {job.task}: it needs {unmet[0]!r} as well.")
    output = pipe(**{key: value for key, value in given.items() if key in parameters})
    _check_safety(output)
    return getattr(output, made)[0]


def accepted(pipe: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a pipeline's call."""
    parameters = inspect.signature(pipe.__call__).parameters
    return {name: one for name, one in parameters.items() if one.kind is not one.VAR_KEYWORD}


def limits(job: Job) -> Limits | None:
    """Return the limits of the job's device, or None."""
    return LIMITS.get(device_for(job.device).type)


def seed(job: Job) -> int:
    """Return a number of 32 bits that depends on the task and on what its inputs hold."""
    digest = sha256(job.task.encode())
    for name, value in sorted(job.inputs.items()):
        slot = TASKS[job.task].slot(name)
        content = value.encode() if slot is None or slot.media == "text" else Path(value).read_bytes()
        digest.update(sha256(name.encode()).digest() + sha256(content).digest())
    return int.from_bytes(digest.digest()[:4])


def prompt(job: Job, slot: str = "text") -> str:
    """Return the text that says what to make.

    Raises:
        InputError: It is empty.
    """
    if not (text := job.inputs.get(slot, "").strip()):
        raise InputError(f"The {slot} is empty: say what to make.")
    return text


def _steps(parameters: Mapping[str, inspect.Parameter], job: Job) -> dict[str, int]:
    most, name = limits(job), "num_inference_steps"
    default = parameters[name].default if name in parameters else None
    return {name: min(default, most.steps)} if most and isinstance(default, int) else {}


def _check_safety(output: Any) -> None:
    """Refuse pictures that a model's own safety checker has blacked out."""
    found = getattr(output, "nsfw_content_detected", None) or getattr(output, "nsfw_detected", None)
    if found and any(found):
        raise ModelError(
            "The model's safety checker held the picture back; describe something else or choose another model."
        )
