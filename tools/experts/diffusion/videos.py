"""Making videos from a text or a still picture."""

from typing import Any

from PIL import Image, ImageOps

from tools.errors import ModelError
from tools.experts.diffusion.calls import accepted, call, limits, prompt
from tools.experts.diffusion.images import folder_of
from tools.experts.diffusion.loading import load
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.provider_replies import media_file
from tools.experts.video_files import write_video
from tools.outputs import Draft

FRAMES_PER_SECOND = 8.0
"""For pipelines that name no frame rate of their own."""
ANIMATORS = {"LTXPipeline": "LTXImageToVideoPipeline"}
"""Pipelines whose parts also set pictures in motion, in a pipeline of another class."""
MULTIPLE = 32
"""Sides of smaller videos than the pipeline's own are multiples of this, which suits all of them."""


def text_to_video(job: Job) -> Draft:
    """Make a silent video from `text`."""
    pipe = load(folder_of(job), job.device)
    return _made(pipe, call(pipe, job, prompt=prompt(job), **_shape(pipe, job)), job)


def image_to_video(job: Job) -> Draft:
    """Set `image` in motion, as `text` says when there is one and the model reads it.

    The picture is cut, not stretched, to the proportions of the pipeline's videos.

    Raises:
        InputError: The file is no picture.
        ModelError: The model makes videos from text alone.
    """
    pipe = _animator(load(folder_of(job), job.device))
    if "image" not in accepted(pipe):
        raise ModelError(f"{type(pipe).__name__} makes videos from text alone.")
    shape = _shape(pipe, job)
    image = _cut(picture(job.inputs["image"]), pipe, shape)
    text = {"prompt": job.inputs.get("text", "")} if "prompt" in accepted(pipe) else {}
    return _made(pipe, call(pipe, job, image=image, **text, **shape), job)


def _animator(pipe: Any) -> Any:
    import diffusers

    if not (name := ANIMATORS.get(type(pipe).__name__)):
        return pipe
    other = getattr(diffusers, name)(**pipe.components)
    other.set_progress_bar_config(disable=True)
    return other


def _shape(pipe: Any, job: Job) -> dict[str, int]:
    """Return a smaller shape than the pipeline's own where that is beyond the device's limits."""
    if not (most := limits(job)):
        return {}
    default = {name: accepted(pipe)[name].default for name in _SHAPE if name in accepted(pipe)}
    own = {name: value for name, value in default.items() if isinstance(value, int)}
    shape = {}
    if own.get("num_frames", 0) > most.frames:
        shape["num_frames"] = most.frames
    if own.get("width", 0) * own.get("height", 0) > most.pixels:
        scale = (most.pixels / (own["width"] * own["height"])) ** 0.5
        for name in ("width", "height"):
            shape[name] = max(MULTIPLE, int(own[name] * scale) // MULTIPLE * MULTIPLE)
    return shape


_SHAPE = ("width", "height", "num_frames")


def _cut(image: Image.Image, pipe: Any, shape: dict[str, int]) -> Image.Image:
    width, height = (
        shape.get(name, accepted(pipe)[name].default if name in accepted(pipe) else None)
        for name in ("width", "height")
    )
    if not isinstance(width, int) or not isinstance(height, int):
        return image
    return ImageOps.fit(image, (width, height))


def _made(pipe: Any, output: Any, job: Job) -> Draft:
    path = job.out / "video.mp4"
    write_video(output.frames[0], _rate(pipe), path)
    return media_file("video", path)


def _rate(pipe: Any) -> float:
    """Return the pipeline's frames per second."""
    own = (accepted(pipe)[name].default for name in ("fps", "frame_rate") if name in accepted(pipe))
    return next((float(rate) for rate in own if isinstance(rate, int | float) and rate), FRAMES_PER_SECOND)
