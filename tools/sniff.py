"""What a file is, told from its bytes; its name only chooses among kinds of text, which have no signature."""

import csv
import json
from pathlib import PurePath
from typing import NamedTuple

import puremagic

from tools.errors import InputError
from tools.outputs import Media

HEAD = 65_536
"""How many bytes of a file's beginning are looked at."""


class Kind(NamedTuple):
    """What a file is."""

    media: Media
    mime: str
    suffix: str


KINDS: dict[str, Kind] = {
    kind.suffix: kind
    for kind in (
        Kind("audio", "audio/x-wav", ".wav"),
        Kind("audio", "audio/flac", ".flac"),
        Kind("audio", "audio/mpeg", ".mp3"),
        Kind("audio", "audio/ogg", ".ogg"),
        Kind("audio", "audio/mp4", ".m4a"),
        Kind("audio", "audio/aac", ".aac"),
        Kind("audio", "audio/x-aiff", ".aiff"),
        Kind("audio", "audio/webm", ".weba"),
        Kind("image", "image/png", ".png"),
        Kind("image", "image/jpeg", ".jpg"),
        Kind("image", "image/webp", ".webp"),
        Kind("image", "image/gif", ".gif"),
        Kind("image", "image/bmp", ".bmp"),
        Kind("image", "image/tiff", ".tiff"),
        Kind("image", "image/avif", ".avif"),
        Kind("image", "image/x-portable-pixmap", ".ppm"),
        Kind("video", "video/mp4", ".mp4"),
        Kind("video", "video/quicktime", ".mov"),
        Kind("video", "video/webm", ".webm"),
        Kind("video", "video/x-matroska", ".mkv"),
        Kind("video", "video/x-msvideo", ".avi"),
        Kind("table", "text/csv", ".csv"),
        Kind("table", "text/tab-separated-values", ".tsv"),
        Kind("text", "application/json", ".json"),
        Kind("text", "text/markdown", ".md"),
        Kind("text", "text/plain", ".txt"),
    )
}
"""Every kind of file that can be an artifact, by its usual suffix."""

ALIASES = {
    ".jfif": ".jpg", ".jpeg": ".jpg", ".jpe": ".jpg", ".tif": ".tiff", ".aif": ".aiff", ".oga": ".ogg",
    ".opus": ".ogg", ".m4b": ".m4a", ".f4a": ".m4a", ".m4v": ".mp4", ".markdown": ".md", ".text": ".txt",
}  # fmt: skip
"""Other suffixes in use for the same kinds."""


def named(name: str) -> Kind | None:
    """Return the kind that a file's name promises, or None when its suffix says nothing."""
    suffix = PurePath(name).suffix.lower()
    return KINDS.get(ALIASES.get(suffix, suffix))


def sniff(head: bytes, name: str) -> Kind:
    """Tell what a file is.

    Args:
        head: The file's first `HEAD` bytes, or all of them when there are fewer.
        name: The file's name, for messages and to tell kinds of text apart.

    Returns:
        Its medium, MIME type and usual suffix.

    Raises:
        InputError: The file is empty, a PDF, or of no kind this application reads.
    """
    if not head:
        raise InputError(f"{name} is empty.")
    if head.startswith(b"%PDF-"):
        raise InputError(f"{name} is a PDF, which is not read yet: pass its pages as pictures.")
    if (text := _decoded(head)) is not None:
        return _text(text, name)
    if (kind := _binary(head)) is not None:
        return kind
    raise InputError(f"{name} is of no known kind: pass audio, a picture, a video, UTF-8 text or CSV.")


def _decoded(head: bytes) -> str | None:
    """Return the bytes as text, or None when they are not UTF-8 text."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        if len(head) < HEAD or error.start < len(head) - 3:
            return None
        text = head[: error.start].decode("utf-8-sig")
    return None if any(char < " " and char not in "\t\n\r\f\b\x1b" for char in text) else text


def _text(text: str, name: str) -> Kind:
    kind = named(name)
    if kind is not None and kind.media in ("text", "table"):
        return kind
    if text.lstrip()[:1] in ("{", "[") and _is_json(text):
        return KINDS[".json"]
    return KINDS[".csv"] if _is_csv(text) else KINDS[".txt"]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def _is_csv(text: str) -> bool:
    """Tell whether the first lines all have the same number of columns, at least two."""
    lines = text.splitlines()[:20]
    widths = {len(row) for row in csv.reader(lines) if row}
    return len(lines) > 2 and len(widths) == 1 and widths.pop() > 1


def _binary(head: bytes) -> Kind | None:
    # puremagic knows no MPEG frame header without an ID3 tag, and leaves these containers undecided.
    if head[0] == 0xFF and len(head) > 1 and head[1] in (0xE2, 0xE3, 0xF2, 0xF3, 0xFA, 0xFB):
        return KINDS[".mp3"]
    if head[4:11] in (b"ftypM4A", b"ftypM4B"):
        return KINDS[".m4a"]
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _matroska(head)
    return _magic(head)


def _matroska(head: bytes) -> Kind:
    """Tell WebM from Matroska and sound from pictures by the names of the codecs (RFC 9559)."""
    if b"V_" not in head and b"A_" in head:
        return KINDS[".weba"]
    return KINDS[".webm" if b"webm" in head[:64] else ".mkv"]


def _magic(head: bytes) -> Kind | None:
    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        return None
    suffixes = (ALIASES.get(match.extension, match.extension) for match in matches)
    return next((KINDS[suffix] for suffix in suffixes if suffix in KINDS), None)
