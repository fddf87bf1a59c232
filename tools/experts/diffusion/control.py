"""Making pictures that follow a condition image, with ControlNets (Zhang et al., arXiv 2302.05543)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import ModelError, SetupError
from tools.experts.devices import device_for, dtype_for
from tools.experts.diffusion.calls import accepted, call, prompt
from tools.experts.diffusion.images import fitted
from tools.experts.diffusion.loading import SAFE, check, placed, quiet, variant
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.provider_replies import image as made
from tools.outputs import Draft


def guided(job: Job) -> Draft:
    """Make a picture from `text` that follows the layout of `image`, and has its proportions.

    Raises:
        InputError: The file is no picture, or there is no description.
        SetupError: The ControlNet's base, a diffusion model, is not named.
        ModelError: The ControlNet was not made for this base.
    """
    if job.base is None or job.model is None:
        raise SetupError(f"{job.task} needs a ControlNet with the diffusion model it guides as its base.")
    pipe = _load(job.model, job.base, job.device)
    condition = fitted(picture(job.inputs["image"]), pipe)
    slot = "control_image" if "control_image" in accepted(pipe) else "image"
    shape = {"width": condition.width, "height": condition.height}
    return made(call(pipe, job, "images", prompt=prompt(job), **{slot: condition}, **shape), job)


@cache
def _load(folder: Path, base: Path, device: str) -> Any:
    from diffusers import AutoPipelineForText2Image

    check(base)
    quiet()
    where = device_for(device)
    network = _class(folder).from_pretrained(
        folder, dtype=dtype_for(where), use_safetensors=True, local_files_only=True
    )
    pipe = AutoPipelineForText2Image.from_pretrained(
        base, controlnet=network, dtype=dtype_for(where), variant=variant(base), **SAFE
    )
    key = "cross_attention_dim"
    if hasattr(pipe, "unet") and network.config.get(key) != pipe.unet.config.get(key):
        raise ModelError(f"The ControlNet {folder.name} was made for another kind of model than {base.name}.")
    return placed(pipe, where)


def _class(folder: Path) -> Any:
    """Return the class of diffusers that a ControlNet's configuration names."""
    import diffusers

    try:
        name = json.loads((folder / "config.json").read_text())["_class_name"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{folder.name} is no ControlNet: its config.json cannot be read.") from error
    if "ControlNet" not in str(name) or not hasattr(diffusers, str(name)):
        raise ModelError(f"{folder.name} is no ControlNet but {name}.")
    return getattr(diffusers, name)
