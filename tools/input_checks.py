"""Whether a file can be read as what it looks like, told before any model gets it."""

import importlib.util
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

from tools.errors import InputError, SetupError
from tools.outputs import Media
from tools.settings import settings
from tools.sniff import Kind

BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for bytes that are no whole picture, beside its own errors."""


def _check_text(path: Path, _: Kind) -> None:
    try:
        with path.open(encoding="utf-8-sig") as file:
            blank = all(line.isspace() for line in file)
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 throughout: save it as UTF-8 text.") from None
    if blank:
        raise InputError(f"{path.name} holds no text.")


def _check_image(path: Path, kind: Kind) -> None:
    from PIL import Image, UnidentifiedImageError

    limit = settings().max_pixels
    # The limit is our own setting, compared before anything is decoded.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                pixels = image.width * image.height
                image.verify()
            if 0 < pixels <= limit:
                with Image.open(path) as image:
                    image.load()
        except Image.DecompressionBombError:
            pixels = limit + 1
        except UnidentifiedImageError:
            raise InputError(
                f"{path.name} is a broken {kind.mime} picture: it has no valid header."
            ) from None
        except BROKEN as error:
            raise InputError(f"{path.name} is a broken {kind.mime} picture: {error}.") from None
    if not pixels:
        raise InputError(f"{path.name} is a picture without any pixels.")
    if pixels > limit:
        raise InputError(
            f"{path.name} has more than {limit / 1e6:g} million pixels; HUGGINGGPT_MAX_PIXELS sets the limit."
        )


def _check_audio(path: Path, kind: Kind) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            silent = len(file.read(file.samplerate)) == 0
    except soundfile.SoundFileError:
        # libsndfile reads no AAC and no WebM; PyAV, where it is installed, does.
        silent = _frames(path, kind, "audio") == 0
    if silent:
        raise InputError(f"{path.name} holds no sound.")


def _check_video(path: Path, kind: Kind) -> None:
    if importlib.util.find_spec("av") and not _frames(path, kind, "video"):
        raise InputError(f"{path.name} holds no pictures.")


def _frames(path: Path, kind: Kind, stream: str) -> int:
    """Return 1 when the first frame of a stream can be decoded, 0 when there is none."""
    if importlib.util.find_spec("av") is None:
        raise SetupError(
            f"{path.name} ({kind.mime}) cannot be read without PyAV: install the extra with "
            "`pip install 'hugginggpt[embedded]'`, or pass WAV, FLAC, MP3 or OGG."
        )
    import av

    try:
        with av.open(str(path)) as container:
            if not getattr(container.streams, stream):
                return 0
            return sum(1 for _, _ in zip(container.decode(**{stream: 0}), range(1), strict=False))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path.name} is {kind.mime} that cannot be decoded: {reason}.") from None


CHECKS: dict[Media, Callable[[Path, Kind], None]] = {
    "text": _check_text,
    "table": _check_text,
    "image": _check_image,
    "audio": _check_audio,
    "video": _check_video,
}
"""Raise `InputError` for a file of a medium that cannot be used, and `SetupError` where a library is missing."""
