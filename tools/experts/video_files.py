"""Writing video files."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tools.experts.processes import threads

QUALITY = "18"
"""Constant rate factor of x264: 0 is lossless, 18 looks so, 51 is worst."""


def write_video(frames: Iterable[Any], rate: float, path: Path) -> None:
    """Write frames as a video that browsers and players open: MP4 with H.264, without sound.

    Args:
        frames: Pillow pictures, or arrays of shape [height, width, 3] with bytes, or floats from 0 to 1. An
            odd last row or column is left out: the format has none.
        rate: Frames per second.
        path: The file to write, ending in `.mp4`.

    Raises:
        ValueError: There are no frames.
    """
    import av

    pictures = [_bytes(frame) for frame in frames]
    if not pictures:
        raise ValueError("there are no frames")
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream(
            "h264", rate=Fraction(rate).limit_denominator(1001), options={"crf": QUALITY}
        )
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = threads()
        for array in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        file.mux(stream.encode())


def _bytes(frame: Any) -> Any:
    """Return a frame as bytes of shape [height, width, 3], both sides even."""
    array = np.asarray(frame)
    if array.dtype != np.uint8:
        array = (array.clip(0, 1) * 255).round().astype(np.uint8)
    height, width = (length - length % 2 for length in array.shape[:2])
    return np.ascontiguousarray(array[:height, :width, :3])
