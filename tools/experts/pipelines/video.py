"""Pipelines that watch videos."""

from pathlib import Path

import numpy as np
from PIL import Image

from tools.errors import InputError, ModelError, SetupError
from tools.experts.engine import Job, Run
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import ranked
from tools.outputs import Draft


def _classify(job: Job) -> Draft:
    """Rank the model's labels for `video`, from frames spread evenly over it.

    Raises:
        InputError: The file is no video that can be decoded.
        ModelError: The model needs torchvision to prepare frames.
    """
    pipe = pipe_of(job)
    if pipe.image_processor is None:
        raise ModelError("This model has no image processor for the frames of a video.")
    pictures = frames(job.inputs["video"], pipe.model.config.num_frames)
    inputs = pipe.image_processor(pictures, return_tensors="pt").to(pipe.dtype)
    return ranked(pipe.postprocess(pipe.forward(inputs), top_k=pipe.model.config.num_labels), job)


def frames(path: str, number: int) -> list[Image.Image]:
    """Decode frames spread evenly over a video, the first and the last one among them.

    Args:
        path: The file.
        number: How many frames; a shorter video gives some of them more than once.

    Returns:
        RGB pictures, the right way up.

    Raises:
        InputError: The file is no video that can be decoded.
        SetupError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise SetupError('Reading videos needs PyAV: pip install "hugginggpt[video]".') from error
    name = Path(path).name
    try:
        wanted = np.linspace(0, _count(path) - 1, number).round().astype(int)
        found = _decoded(path, set(wanted.tolist()))
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{name} cannot be read as a video: {error}.") from error
    if not found:
        raise InputError(f"{name} holds no frames.")
    # The last packets of a file that was cut off hold no whole frame.
    last = max(found)
    return [found[min(index, last)] for index in wanted.tolist()]


def _count(path: str) -> int:
    """Count the frames by their packets, without decoding them."""
    import av

    with av.open(path) as container:
        return max(1, sum(1 for packet in container.demux(video=0) if packet.size))


def _decoded(path: str, wanted: set[int]) -> dict[int, Image.Image]:
    import av

    found: dict[int, Image.Image] = {}
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                found[index] = frame.to_image().rotate(frame.rotation, expand=True)
            if index >= max(wanted):
                break
    return found


TASKS: dict[str, Run] = {"video-classification": _classify}
"""What is done here, by task row."""
