"""Bodies of requests: bounded, read without blocking, and given up when the client goes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from tools.settings import settings

T = TypeVar("T")


def bounded(request: Request) -> Request:
    """Return the request with a body that ends in a refusal when it is larger than an input file may be.

    Raises:
        HTTPException: 413, here when the client says the size beforehand, else while the body is read.
    """
    # A form has its boundaries and fields beside the file.
    limit = settings().max_file_mb * 10**6 + 65_536
    declared = request.headers.get("Content-Length", "")
    left = limit - (int(declared[:20]) if declared.isdecimal() else 0)
    _refuse(left)
    left = limit

    async def receive() -> Message:
        nonlocal left
        message = await request.receive()
        left -= len(message.get("body", b""))
        _refuse(left)
        return message

    return Request(request.scope, receive)


def _refuse(left: int) -> None:
    if left < 0:
        limit = settings().max_file_mb
        raise HTTPException(
            413, f"The body is larger than {limit} MB; HUGGINGGPT_MAX_FILE_MB sets the limit."
        )


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what a piece of work comes to; stop it when the client goes.

    Args:
        request: The request, whose body has been read.
        work: The work.

    Raises:
        ClientDisconnect: The client went.
    """
    running, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((running, gone), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        raise ClientDisconnect
    finally:
        gone.cancel()
        running.cancel()
        await asyncio.gather(running, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
