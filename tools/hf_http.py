"""Limits for calls that huggingface_hub makes: time, size, and an end when nobody waits any more.

The library waits without limit and blocks in places, also in its asynchronous client (asking for a model's providers,
polling for a finished video). So its calls run on a daemon thread with an event loop of its own: whoever waits can
leave at any moment, and the process can end.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar

import httpx
import pebble

from tools.errors import ModelError

CONNECT_SECONDS = 10.0
"""Longest wait for a connection."""
MAX_BYTES = 200_000_000
"""Largest reply that is read."""

R = TypeVar("R")


@dataclass(frozen=True)
class _Limits:
    """What holds for all requests of one call."""

    deadline: float
    """On the monotonic clock."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the call any more."""


_limits: ContextVar[_Limits | None] = ContextVar("limits", default=None)


async def apart(work: Callable[[], Coroutine[Any, Any, R]], seconds: float) -> R:
    """Run a coroutine function that may block; cancelling the awaiting task cancels it.

    Args:
        work: Called on the other thread.
        seconds: Time limit, also of every request that huggingface_hub makes meanwhile.

    Raises:
        TimeoutError: It took longer.
    """
    # The first import of the library takes a moment.
    await asyncio.to_thread(_install)
    limits = _Limits(time.monotonic() + seconds)
    future = _started(work, limits)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(future)
    finally:
        limits.left.set()


@contextmanager
def sooner(seconds: float) -> Iterator[None]:
    """Give the requests in this block less time than is left for the whole call; for work inside `apart`."""
    limits = _limits.get()
    if limits is None:
        raise RuntimeError("sooner() is for work inside apart().")
    token = _limits.set(replace(limits, deadline=min(limits.deadline, time.monotonic() + seconds)))
    try:
        yield
    finally:
        _limits.reset(token)


def within(work: Callable[[], R], seconds: float) -> R:
    """Run a blocking function; as `apart`, for callers on a thread.

    Raises:
        TimeoutError: It took longer.
    """
    _install()
    limits = _Limits(time.monotonic() + seconds)

    def limited() -> R:
        _limits.set(limits)
        return work()

    # On a thread without an event loop: LangGraph's development server forbids what blocks wherever one runs.
    future: Future[R] = pebble.concurrent.thread(limited)()
    try:
        return future.result(seconds)
    finally:
        limits.left.set()


def _started(work: Callable[[], Coroutine[Any, Any, R]], limits: _Limits) -> Future[R]:
    """Run a coroutine function on a new thread, which ends with it; cancelling the future cancels it."""
    future: Future[R] = Future()
    loop = asyncio.new_event_loop()

    async def limited() -> R:
        _limits.set(limits)
        return await work()

    def ended(task: asyncio.Task[R]) -> None:
        loop.stop()
        # Whoever waited may have left in this very moment.
        with suppress(InvalidStateError):
            if task.cancelled():
                future.cancel()
            elif error := task.exception():
                future.set_exception(error)
            else:
                future.set_result(task.result())

    def left(future: Future[R]) -> None:
        if future.cancelled() and not task.done():
            loop.call_soon_threadsafe(task.cancel)

    task = loop.create_task(limited())
    task.add_done_callback(ended)
    future.add_done_callback(left)
    threading.Thread(target=_serve, args=(loop,), daemon=True, name="huggingface-hub").start()
    return future


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    # LangGraph's development server refuses what blocks wherever an event loop runs. This one serves a single call.
    if watcher := getattr(sys.modules.get("blockbuster.blockbuster"), "_skip", None):
        watcher.value = True
    try:
        loop.run_forever()
    finally:
        loop.close()


def _install() -> None:
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
    limits = _limits.get()
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
    limits = _limits.get()
    if limits is not None and isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, limits)


async def _bound_async(response: httpx.Response) -> None:
    limits = _limits.get()
    if limits is not None and isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _AsyncBounded(response.stream, limits)


class _Counter:
    """Counts the bytes of one reply."""

    def __init__(self, limits: _Limits) -> None:
        self.limits, self.read = limits, 0

    def add(self, chunk: bytes) -> bytes:
        self.read += len(chunk)
        if self.read > MAX_BYTES:
            raise ModelError(f"The provider's reply is larger than {MAX_BYTES / 1e6:g} MB.")
        if time.monotonic() > self.limits.deadline:
            raise httpx.ReadTimeout("The time for this call is over.")
        return chunk


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, limits: _Limits) -> None:
        self.stream, self.counter = stream, _Counter(limits)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.counter.add, self.stream)

    def close(self) -> None:
        self.stream.close()


class _AsyncBounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, limits: _Limits) -> None:
        self.stream, self.counter = stream, _Counter(limits)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield self.counter.add(chunk)

    async def aclose(self) -> None:
        await self.stream.aclose()
