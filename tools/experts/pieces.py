"""Cutting long texts to what a model can read."""

import re
from collections.abc import Iterator


def pieces(text: str, size: int) -> Iterator[str]:
    """Cut a text at sentence and line ends.

    Args:
        text: Any text.
        size: Most bytes (UTF-8) of a piece. Bytes follow the number of tokens better than characters do: four
            a token in English, three in Chinese.

    Yields:
        Pieces that are together the whole text but for white space; a longer sentence is cut inside.
    """
    piece = ""
    for part in re.split(r"(?<=[.!?。!?])\s+|\n+", text):
        for bit in _bits(part, size):
            joined = f"{piece} {bit}".strip()
            if piece and len(joined.encode()) > size:
                yield piece
                joined = bit
            piece = joined
    if piece:
        yield piece


def _bits(part: str, size: int) -> Iterator[str]:
    while len(part.encode()) > size:
        head = part.encode()[:size].decode(errors="ignore")
        yield head
        part = part[len(head) :]
    yield part


def cut(text: str, size: int) -> str:
    """Return the start of a text that fits into `size` bytes, whole sentences where there are some."""
    return text if len(text.encode()) <= size else next(pieces(text, size), "")
