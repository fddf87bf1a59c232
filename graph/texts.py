"""Texts that are shown in a limited space."""


def cut(text: str, length: int) -> str:
    """Return a text, or its beginning where it has more characters than fit."""
    return text if len(text) <= length else f"{text[:length].rstrip()} ..."


def one_line(text: str, length: int) -> str:
    """Return a text as one line; as `cut`."""
    return cut(" ".join(text.split()), length)
