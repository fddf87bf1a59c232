"""Making videos from a text or a still picture."""

from typing import Any

from PIL import ImageOps

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
SHAPE = ("width", "height", "num_frames")


def text_to_video(job: Job) -> Draft:
    """Make a silent video from `text`."""
    pipe = load(folder_of(job), job.device)
    return _made(pipe, call(pipe, job, "frames", prompt=prompt(job), **_shape(pipe, job)), job)


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
    image = picture(job.inputs["image"])
    if "width" in shape and "height" in shape:
        image = ImageOps.fit(image, (shape["width"], shape["height"]))
    text = {"prompt": job.inputs.get("text", "")} if "prompt" in accepted(pipe) else {}
    return _made(pipe, call(pipe, job, "frames", image=image, **text, **shape), job)


def _animator(pipe: Any) -> Any:
    import diffusers

    if not (name := ANIMATORS.get(type(pipe).__name__)):
        return pipe
    other = getattr(diffusers, name)(**pipe.components)
    other.set_progress_bar_config(disable=True)
    return other


def _shape(pipe: Any, job: Job) -> dict[str, int]:
    """Return the size and number of frames to make: the pipeline's own, within the limits of the device."""
    defaults = {name: accepted(pipe)[name].default for name in SHAPE if name in accepted(pipe)}
    shape = {name: value for name, value in defaults.items() if isinstance(value, int)}
    if not (most := limits(job)):
        return shape
    if "num_frames" in shape:
        shape["num_frames"] = min(shape["num_frames"], most.frames)
    if (pixels := shape.get("width", 0) * shape.get("height", 0)) > most.pixels:
        scale = (most.pixels / pixels) ** 0.5
        for name in ("width", "height"):
            shape[name] = max(MULTIPLE, int(shape[name] * scale) // MULTIPLE * MULTIPLE)
    return shape


def _made(pipe: Any, frames: Any, job: Job) -> Draft:
    path = job.out / "video.mp4"
    write_video(frames, _rate(pipe), path)
    return media_file("video", path)


def _rate(pipe: Any) -> float:
    """Return the pipeline's frames per second."""
    own = (accepted(pipe)[name].default for name in ("fps", "frame_rate") if name in accepted(pipe))
    return next((float(rate) for rate in own if isinstance(rate, int | float) and rate), FRAMES_PER_SECOND)
