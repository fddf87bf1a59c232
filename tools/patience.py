"""Threads for what blocks for minutes, such as fetching a model."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from tools.download import cancelled

P = ParamSpec("P")
R = TypeVar("R")
THREADS = 64
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="patience")


async def patiently(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that may block for minutes, as `asyncio.to_thread`, whose threads everything else needs.

    Those are no more than the cores and four: a few models on their way would hold up all runs of the process. When
    nobody waits any more, downloads of this call end.
    """
    context, stop = copy_context(), threading.Event()
    context.run(cancelled.set, stop)
    try:
        return await asyncio.get_running_loop().run_in_executor(
            _threads, lambda: context.run(work, *args, **kwargs)
        )
    finally:
        stop.set()
