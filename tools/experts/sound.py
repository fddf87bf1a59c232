"""Sound files: decoding, writing, and a picture of what is heard when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.errors import InputError, ModelError, SetupError

Samples = NDArray[np.float32]

WINDOW = 1024
"""Samples that each column of a spectrogram looks at."""
COLUMNS = 1000
"""Most columns of a spectrogram, whatever the length of the sound."""
RANGE = 80.0
"""Decibels below the loudest point that are still told from black."""
HEAT = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""Colours from quiet to loud: five points of matplotlib's magma."""


def decoded(path: str, rate: int) -> Samples:
    """Read any sound or film that FFmpeg's libraries read; no program is started for it.

    Args:
        path: The file.
        rate: Samples per second wanted; the sound is resampled to it and its channels mixed into one.

    Returns:
        Array of shape [samples], from -1 to 1.

    Raises:
        InputError: The file holds no sound that can be decoded.
        SetupError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise SetupError('Reading sound needs PyAV: pip install "hugginggpt[video]".') from error
    name = Path(path).name
    try:
        with av.open(path, metadata_errors="ignore") as container:
            blocks = list(_blocks(container, rate))
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{name} cannot be read as sound: {error}.") from error
    if not blocks:
        raise InputError(f"{name} holds no sound.")
    return np.concatenate(blocks)


def _blocks(container: Any, rate: int) -> Iterator[Samples]:
    from av import AudioResampler

    resampler = AudioResampler(format="fltp", rate=rate)
    for frame in _frames(container):
        # Recordings that were cut off or joined have gaps in their time stamps, which the resampler refuses.
        if frame is not None:
            frame.pts = None
        for block in resampler.resample(frame):
            # FFmpeg's own mix of channels would be up to 3 dB louder than they are.
            yield block.to_ndarray().mean(axis=0)


def _frames(container: Any) -> Iterator[Any]:
    """Yield the frames that can be decoded, then None, which makes a resampler give its last samples."""
    from av.error import InvalidDataError

    frames = container.decode(audio=0)
    while True:
        try:
            yield next(frames)
        except StopIteration:
            break
        except InvalidDataError:
            continue
    yield None


def save(path: Path, samples: Any, rate: int) -> Path:
    """Write a WAV file of 16 bits.

    Args:
        path: Where to; the name should end in `.wav`.
        samples: Numbers from -1 to 1, of shape [samples] or [channels, samples]. Louder sound is made quieter as a
            whole, so that nothing is cut off.
        rate: Samples per second.

    Returns:
        The path.

    Raises:
        ModelError: There are no samples, or some are no numbers.
    """
    import soundfile

    sound = np.asarray(samples, dtype=np.float32)
    if not sound.size or not np.isfinite(sound).all():
        raise ModelError("The model made no sound that can be played.")
    soundfile.write(path, sound.T / max(1.0, float(np.abs(sound).max())), rate, subtype="PCM_16")
    return path


def spectrogram(samples: Any, rate: int) -> Image.Image:
    """Draw how strong each frequency is over time, from 0 Hz at the bottom to half the sampling rate at the top.

    Args:
        samples: Sound of shape [samples] or [channels, samples]; channels are mixed.
        rate: Samples per second.

    Returns:
        A picture, 512 pixels high; loud is bright, on a scale of decibels.
    """
    sound = np.atleast_2d(np.asarray(samples, dtype=np.float32)).mean(axis=0)
    sound = np.pad(sound, (0, max(0, WINDOW - sound.size)))
    hop = max(WINDOW // 4, -(-sound.size // COLUMNS))
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    decibels = 10 * np.log10(np.maximum(power, 1e-12)).T[:0:-1]
    loudness = np.clip(1 + (decibels - decibels.max()) / RANGE, 0, 1)
    steps = np.linspace(0, 1, len(HEAT))
    channels = [np.interp(loudness, steps, [colour[i] for colour in HEAT]) for i in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
