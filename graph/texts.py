"""Texts that are long: shown in a limited space, and read where nothing waits for that."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
LONG = 2_000
"""Characters that are read in less time than it takes to have a thread do it, or not much more."""


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


async def aside(text: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that reads a text: off the event loop where the text is long."""
    if len(text) < LONG:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)
