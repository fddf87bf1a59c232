"""Cutting long texts to what a model can read."""

import re
from collections.abc import Iterator

END = re.compile(r"(?<=[.!?。!?])\s+|\n+")
"""What stands between sentences."""


def pieces(text: str, size: int) -> Iterator[str]:
    """Cut a text at sentence and line ends.

    Args:
        text: Any text.
        size: Most bytes (UTF-8) of a piece. Bytes follow the number of tokens better than characters do: four
            a token in English, three in Chinese.

    Yields:
        Pieces that are together the whole text but for white space; a longer sentence is cut inside.
    """
    held, length = list[str](), -1
    for bit in (bit.strip() for part in _sentences(text) for bit in _bits(part, size)):
        more = 1 + len(bit.encode())
        if held and length + more > size:
            yield " ".join(held)
            held, length = [], -1
        if bit:
            held.append(bit)
            length += more
    if held:
        yield " ".join(held)


def _sentences(text: str) -> Iterator[str]:
    """Yield sentences and lines; of a long text only as many as are asked for are looked for."""
    start = 0
    for end in END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def _bits(part: str, size: int) -> Iterator[str]:
    data, start = part.encode(), 0
    while len(data) - start > size:
        head = data[start : start + size].decode(errors="ignore")
        yield head
        start += len(head.encode())
    yield data[start:].decode()


def cut(text: str, size: int) -> str:
    """Return the start of a text that fits into `size` bytes, whole sentences where there are some."""
    return text if len(text.encode()) <= size else next(pieces(text, size), "")
