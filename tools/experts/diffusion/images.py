"""Making and changing pictures."""

from pathlib import Path
from typing import Any

from PIL import Image

from tools.errors import ModelError, SetupError
from tools.experts.diffusion.calls import accepted, call, prompt
from tools.experts.diffusion.loading import INDEX, load
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.provider_replies import image as made
from tools.outputs import Draft

ENHANCERS = (
    "StableDiffusionUpscalePipeline",
    "StableDiffusionLatentUpscalePipeline",
    "LDMSuperResolutionPipeline",
)
"""Pipelines that enlarge pictures and need no instruction."""
MULTIPLE = 8
"""Sides of pictures are multiples of this: latent pictures are eight times smaller."""
SIDE = 1024
"""Side of pictures for a pipeline that names none."""
ENLARGEABLE = 512 * 512
"""Most pixels of a picture to enlarge; the memory it takes grows with their square."""


def text_to_image(job: Job) -> Draft:
    """Make a picture of the pipeline's own size from `text`, with a pipeline or a LoRA and its base."""
    pipe = _for_text(job)
    return made(call(pipe, job, "images", prompt=prompt(job)), job)


def image_to_image(job: Job) -> Draft:
    """Edit `image` as `instruction` says; without one, enlarge it.

    Editing takes models that were taught to (InstructPix2Pix, Flux Kontext, Qwen-Image-Edit) and, with the
    instruction as description of the result, any text-to-image model (SDEdit: Meng et al., arXiv 2108.01073).

    Raises:
        InputError: The file is no picture.
        ModelError: The model does not do that.
    """
    pipe = load(folder_of(job), job.device)
    image = picture(job.inputs["image"])
    enhancer = type(pipe).__name__ in ENHANCERS
    if enhancer != (not job.inputs.get("instruction", "").strip()):
        raise ModelError(
            f"{type(pipe).__name__} {'enlarges' if enhancer else 'edits by an instruction'} only."
        )
    if enhancer:
        return _enlarged(pipe, image, job)
    pipe = related(pipe, "AutoPipelineForImage2Image") or pipe
    return made(call(pipe, job, "images", prompt=prompt(job, "instruction"), image=fitted(image, pipe)), job)


def related(pipe: Any, auto: str) -> Any | None:
    """Return the pipeline for another task that shares this one's parts, or None when diffusers knows of none.

    Args:
        pipe: A `diffusers.DiffusionPipeline`.
        auto: Name of the class that chooses it, such as `AutoPipelineForImage2Image`.
    """
    import diffusers

    try:
        other = getattr(diffusers, auto).from_pipe(pipe)
    except ValueError:
        return None
    other.set_progress_bar_config(disable=True)
    return other


def fitted(image: Image.Image, pipe: Any) -> Image.Image:
    """Scale a picture down to as many pixels as the pipeline's own pictures have, sides multiples of 8."""
    most = side(pipe) ** 2
    scale = min(1.0, (most / (image.width * image.height)) ** 0.5)
    return image.resize(
        (_multiple(image.width * scale), _multiple(image.height * scale)), Image.Resampling.LANCZOS
    )


def side(pipe: Any) -> int:
    """Return the side, in pixels, of the pictures that a pipeline makes when no size is asked for."""
    network = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    size = getattr(pipe, "default_sample_size", None) or getattr(
        getattr(network, "config", None), "sample_size", None
    )
    return size * getattr(pipe, "vae_scale_factor", MULTIPLE) if isinstance(size, int) else SIDE


def _for_text(job: Job) -> Any:
    folder = folder_of(job)
    if not (folder / INDEX).exists() and any(folder.glob("*.safetensors")):
        if job.base is None:
            raise SetupError(f"{folder.name} is an adapter: name the diffusion model it is for as its base.")
        pipe = load(job.base, job.device, adapter=folder)
    else:
        pipe = load(folder, job.device)
    if other := related(pipe, "AutoPipelineForText2Image"):
        return other
    if "image" in accepted(pipe):
        raise ModelError(f"{type(pipe).__name__} changes pictures, it does not make them from a text.")
    return pipe


def _enlarged(pipe: Any, image: Image.Image, job: Job) -> Draft:
    if image.width * image.height > ENLARGEABLE:
        raise ModelError(f"{type(pipe).__name__} enlarges pictures of at most {ENLARGEABLE} pixels.")
    small = image.resize((_multiple(image.width), _multiple(image.height)), Image.Resampling.LANCZOS)
    text = {"prompt": ""} if "prompt" in accepted(pipe) else {}
    return made(call(pipe, job, "images", image=small, **text), job)


def _multiple(length: float) -> int:
    return max(MULTIPLE, round(length / MULTIPLE) * MULTIPLE)


def folder_of(job: Job) -> Path:
    """Return the folder of the job's model."""
    if job.model is None:
        raise ModelError(f"{job.task} needs the folder of a model.")
    return job.model
