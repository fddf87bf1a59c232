"""Calls of huggingface_hub that whoever waits can leave at any moment.

The library waits without limit and blocks in places, also in its asynchronous client (asking for a model's providers,
polling for a finished video). So its calls run on a daemon thread with an event loop of its own, within limits, and the
process can end.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

import pebble

from tools.hf_limits import Limits, call_limits, install

R = TypeVar("R")


GRACE_SECONDS = 0.5
"""Time to tell what went wrong after the limit has passed."""


async def apart(work: Callable[[], Coroutine[Any, Any, R]], seconds: float) -> R:
    """Run a coroutine function that may block; cancelling the awaiting task cancels it.

    Args:
        work: Called on the other thread.
        seconds: Time limit, also of every request that huggingface_hub makes meanwhile.

    Raises:
        TimeoutError: It took longer.
    """
    # The first import of the library takes a moment.
    await asyncio.to_thread(install)
    limits = Limits(time.monotonic() + seconds)
    future = _started(work, limits)
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS):
            return await asyncio.wrap_future(future)
    finally:
        limits.left.set()


def within(work: Callable[[], R], seconds: float) -> R:
    """Run a blocking function; as `apart`, for callers on a thread.

    Raises:
        TimeoutError: It took longer.
    """
    install()
    limits = Limits(time.monotonic() + seconds)

    def limited() -> R:
        call_limits.set(limits)
        return work()

    # On a thread without an event loop: LangGraph's development server forbids what blocks wherever one runs.
    future: Future[R] = pebble.concurrent.thread(limited)()
    try:
        return future.result(seconds)
    finally:
        limits.left.set()


def _started(work: Callable[[], Coroutine[Any, Any, R]], limits: Limits) -> Future[R]:
    """Run a coroutine function on a new thread, which ends with it; cancelling the future cancels it."""
    future: Future[R] = Future()
    loop = asyncio.new_event_loop()

    async def limited() -> R:
        call_limits.set(limits)
        async with asyncio.timeout(limits.deadline - time.monotonic()):
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
