"""Making pictures and videos with diffusers (github.com/huggingface/diffusers)."""

from tools.errors import ModelError
from tools.experts.diffusion.control import guided
from tools.experts.diffusion.images import image_to_image, text_to_image
from tools.experts.diffusion.videos import image_to_video, text_to_video
from tools.experts.engine import Job, Run
from tools.experts.engines import GUIDED
from tools.outputs import Draft

TASKS: dict[str, Run] = {
    "text-to-image": text_to_image,
    "image-to-image": image_to_image,
    "text-to-video": text_to_video,
    "image-to-video": image_to_video,
    **{f"{kind}-text-to-image": guided for kind in GUIDED},
}
"""What this engine can do, by task row."""


def run(job: Job) -> Draft:
    """Make a picture or a video.

    The same inputs give the same result with the same model and device: the noise that a diffusion model
    starts from comes from a generator seeded with the inputs.

    Raises:
        InputError: An input is of no use.
        SetupError: The model's base or a library is missing.
        ModelError: The model's folder is missing or cannot be loaded safely, the model cannot do the task, or
            its safety checker held the picture back.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"This model cannot do {job.task}.")
    return TASKS[job.task](job)
