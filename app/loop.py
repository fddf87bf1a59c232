"""The event loop of a command, and its end when Ctrl-C comes."""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from app.errors import INTERRUPTED, say
from tools.experts import processes, workers

T = TypeVar("T")
STOP_SECONDS = 1.5
"""How long a stopped run may take to end by itself."""


@contextmanager
def loop() -> Iterator[asyncio.Runner]:
    """Run coroutines on one event loop; Ctrl-C stops the one that runs, and the worker processes with it."""
    # What is imported by now stays: a walk of the garbage collector through it stops everything for 0.1 s.
    gc.freeze()
    with asyncio.Runner() as runner:
        try:
            yield runner
        finally:
            workers.shutdown()


def complete(work: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end; as `stoppable`."""
    with stoppable() as runner:
        return runner.run(work)


@contextmanager
def stoppable(stopped: Callable[[str], object] = say) -> Iterator[asyncio.Runner]:
    """Run coroutines as `loop`, until Ctrl-C ends the program.

    Args:
        stopped: Tells the user that Ctrl-C came. Called at once, since what is running may not end in time.

    Raises:
        SystemExit: Ctrl-C came.
    """
    with loop() as runner:
        try:
            yield runner
        except KeyboardInterrupt:
            stopped("Stopped.")
            hurry()
            raise SystemExit(INTERRUPTED) from None


def hurry() -> None:
    """Let this process end by itself for `STOP_SECONDS`, then end it."""
    processes.end_server()
    # A thread that blocks cannot be ended: it must not hold the exit.
    watchdog = threading.Timer(STOP_SECONDS, os._exit, (INTERRUPTED,))
    watchdog.daemon = True
    watchdog.start()
