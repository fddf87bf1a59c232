"""Limits for the requests that huggingface_hub makes: time, size, and an end when nobody waits any more."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from tools.errors import ModelError

CONNECT_SECONDS = 10.0
"""Longest wait for a connection."""
MAX_BYTES = 200_000_000
"""Largest reply that is read."""


@dataclass(frozen=True)
class Limits:
    """What holds for all requests of one call."""

    deadline: float
    """On the monotonic clock."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the call any more."""


call_limits: ContextVar[Limits | None] = ContextVar("limits", default=None)
"""Those of the call that goes on here."""


def install() -> None:
    """Put the limits into the library's HTTP clients; calls that have none are not changed."""
    from huggingface_hub import get_session

    _install_async()
    client = get_session()
    hooks = client.event_hooks
    if _arm not in hooks["request"]:
        client.event_hooks = {"request": [*hooks["request"], _arm], "response": [_bound, *hooks["response"]]}


@cache
def _install_async() -> None:
    from huggingface_hub import get_async_session, set_async_client_factory

    hooks = get_async_session().event_hooks
    limited: dict[str, list[Callable[..., Any]]] = {
        "request": [*hooks["request"], _arm_async],
        "response": [_bound_async, *hooks["response"]],
    }
    # The library makes a client for each call; reading the certificates each time would take 20 ms.
    trusted = httpx.create_ssl_context()
    set_async_client_factory(
        lambda: httpx.AsyncClient(
            verify=trusted,
            event_hooks=limited,
            follow_redirects=True,
            timeout=None,  # noqa: S113 - see `_arm`
        )
    )


def _arm(request: httpx.Request) -> None:
    """Give a request the time that is left."""
    limits = call_limits.get()
    if limits is None:
        return
    left = limits.deadline - time.monotonic()
    if left <= 0 or limits.left.is_set():
        raise httpx.ReadTimeout("The time for this call is over.", request=request)
    given = request.extensions.get("timeout", {})
    waits = {"connect": CONNECT_SECONDS, "read": left, "write": left, "pool": left}
    request.extensions["timeout"] = {
        key: min(given.get(key) or left, most, left) for key, most in waits.items()
    }


async def _arm_async(request: httpx.Request) -> None:
    _arm(request)


def _bound(response: httpx.Response) -> None:
    """Stop reading a reply that is too large or comes too slowly."""
    limits = call_limits.get()
    if limits is not None and isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, limits)


async def _bound_async(response: httpx.Response) -> None:
    limits = call_limits.get()
    if limits is not None and isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _AsyncBounded(response.stream, limits)


class _Counter:
    """Counts the bytes of one reply."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.read = limits, 0

    def add(self, chunk: bytes) -> bytes:
        self.read += len(chunk)
        if self.read > MAX_BYTES:
            raise ModelError(f"The provider's reply is larger than {MAX_BYTES / 1e6:g} MB.")
        if time.monotonic() > self.limits.deadline:
            raise httpx.ReadTimeout("The time for this call is over.")
        return chunk


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, limits: Limits) -> None:
        self.stream, self.counter = stream, _Counter(limits)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.counter.add, self.stream)

    def close(self) -> None:
        self.stream.close()


class _AsyncBounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, limits: Limits) -> None:
        self.stream, self.counter = stream, _Counter(limits)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield self.counter.add(chunk)

    async def aclose(self) -> None:
        await self.stream.aclose()
