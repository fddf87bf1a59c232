"""Texts that are shown in a limited space."""


def cut(text: str, length: int) -> str:
    """Return a text, or its beginning where it has more characters than fit."""
    return text if len(text) <= length else f"{text[:length].rstrip()} ..."


def spaced(text: str, length: int) -> str:
    """Return a text with one space between words; of one that has more characters than fit maybe a beginning only.

    A beginning has more characters than fit, too.
    """
    head = text[: 8 * length]
    words = " ".join(head.split())
    # A text may have megabytes: all of it is looked at only where its beginning is hardly more than space.
    return words if len(words) > length or len(head) == len(text) else " ".join(text.split())


def one_line(text: str, length: int) -> str:
    """Return a text as one line; as `cut`."""
    return cut(spaced(text, length), length)
