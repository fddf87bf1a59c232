"""Worker processes: one per local model, so that a crash or a hang costs one model, never the program."""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from resource import RUSAGE_SELF, getrusage
from sys import platform
from types import TracebackType
from typing import Any, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from tools.errors import HuggingGPTError, ModelError, TransientError
from tools.experts.processes import context, prepare
from tools.experts.turns import Turns

MAX_WORKERS = 4
"""Most models kept loaded while they have nothing to do."""
MAX_MEGABYTES = 1200
"""Most memory that loaded models without work may hold together."""

R = TypeVar("R")
# A worker that does not end when it is asked to is killed after this many seconds.
CONSTS.term_timeout = 0.5
_log = logging.getLogger(__name__)
_mutex = threading.RLock()
_workers: dict[str, "_Worker"] = {}


@dataclass(eq=False)
class _Worker:
    """One model's process. `turns` lets in one call at a time; `pool` is None until it is needed."""

    key: str
    turns: Turns = field(default_factory=lambda: Turns(_mutex))
    pool: ProcessPool | None = None
    call: "Future[tuple[Any, float]] | None" = None
    used: float = 0.0
    megabytes: float = 0.0


async def call(key: str, function: Callable[..., R], *args: object, timeout: float | None = None) -> R:
    """Run a function in the worker process of a model, which keeps what the function keeps in its module.

    Calls of one key queue; calls of different keys run side by side. Cancelling the awaiting task ends the call.

    Args:
        key: The model's id; each has its own process, started when first needed.
        function: A function of an importable module. It, its arguments and its result must be picklable.
        *args: The function's arguments.
        timeout: Seconds from when the worker takes the call; None for no limit.

    Returns:
        What the function returned.

    Raises:
        HuggingGPTError: What the function raised itself.
        TransientError: It took longer than `timeout`, or the worker was ended from outside.
        ModelError: The worker crashed, or the function raised any other exception.
    """
    worker = _worker(key)
    async with worker.turns:
        pool = await asyncio.to_thread(_started, worker)
        future = asyncio.wrap_future(_scheduled(worker, pool, timeout, (key, function, args)))
        try:
            await asyncio.wait([future])
        finally:
            # Cancels the call itself, and so ends its process, when this task was cancelled.
            future.cancel()
            worker.call, worker.used = None, time.monotonic()
    if error := _problem(key, future, timeout):
        raise error
    result: R
    result, worker.megabytes = future.result()
    return result


def shutdown() -> None:
    """End all workers now; calls in flight raise `TransientError`. A later call starts a new worker."""
    with _mutex:
        calls = [worker.call for worker in _workers.values() if worker.call]
        pools = [_detached(worker) for worker in _workers.values()]
    for call_ in calls:
        call_.cancel()
    _close([pool for pool in pools if pool])


atexit.register(shutdown)


def _worker(key: str) -> _Worker:
    with _mutex:
        return _workers.setdefault(key, _Worker(key))


def _started(worker: _Worker) -> ProcessPool:
    """Return the worker's running pool, making room first. Blocks; the caller has the worker's turn."""
    with _mutex:
        if worker.pool and worker.pool.active:
            return worker.pool
        leaving = [_detached(worker), *map(_detached, _too_many())]
        pool = worker.pool = ProcessPool(max_workers=1, initializer=prepare, context=context())
    _close([old for old in leaving if old])
    try:
        # Asking a new pool whether it is active starts it.
        _log.debug("worker %s starts: %s", worker.key, pool.active)
    except BrokenProcessPool as error:
        raise TransientError(f"No process could be started for {worker.key}: {error.__cause__}.") from error
    return pool


def _scheduled(
    worker: _Worker, pool: ProcessPool, timeout: float | None, args: tuple[object, ...]
) -> "Future[tuple[Any, float]]":
    try:
        worker.call = pool.schedule(_measured, args=args, timeout=timeout)
    except RuntimeError as error:
        raise TransientError(f"The process of {worker.key} could not be used: {error}; try again.") from error
    return worker.call


def _too_many() -> list[_Worker]:
    """Return the idle workers that must leave before another one starts, least recently used first."""
    idle = sorted((w for w in _workers.values() if w.pool and not w.turns.taken), key=lambda w: w.used)
    number = sum(1 for w in _workers.values() if w.pool)
    held = sum(w.megabytes for w in _workers.values() if w.pool)
    leaving = []
    while idle and (number >= MAX_WORKERS or held > MAX_MEGABYTES):
        leaving.append(idle.pop(0))
        number, held = number - 1, held - leaving[-1].megabytes
    return leaving


def _detached(worker: _Worker) -> ProcessPool | None:
    pool, worker.pool = worker.pool, None
    return pool


def _close(pools: list[ProcessPool]) -> None:
    """Kill the workers of these pools, all at the same time: each takes a few tenths of a second."""
    for pool in pools:
        pool.stop()
    for pool in pools:
        pool.join()


def _problem(
    key: str, future: "asyncio.Future[tuple[Any, float]]", timeout: float | None
) -> HuggingGPTError | None:
    """Translate how a call ended into an error of ours, or None when it ended well."""
    if future.cancelled():
        return TransientError(f"{key} was stopped before it had finished.")
    error = future.exception()
    if error is None or isinstance(error, HuggingGPTError):
        return error
    if isinstance(error, TimeoutError):
        return TransientError(f"{key} did not finish within {timeout:g} seconds; raise the time limit.")
    if isinstance(error, ProcessExpired):
        return ModelError(f"{key} crashed (exit code {error.exitcode}); there may be too little memory.")
    if isinstance(error, BrokenProcessPool):
        return TransientError(f"The process of {key} was ended from outside; try again.")
    return _failure(key, error)


def _failure(key: str, error: BaseException) -> ModelError:
    lines = str(error).strip().splitlines()
    return ModelError(f"{key} could not do this: {type(error).__name__}{': ' + lines[0] if lines else ''}")


class _Failures:
    """Turns exceptions of libraries into `ModelError` inside the worker.

    The main process could not unpickle them without importing those libraries.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, HuggingGPTError):
            raise _failure(self.key, error) from error


def _measured(key: str, function: Callable[..., R], args: tuple[object, ...]) -> tuple[R, float]:
    """Run in the worker: return the function's result and the most megabytes the process ever held."""
    with _Failures(key):
        result = function(*args)
    unit = 1 if platform == "darwin" else 1024
    return result, getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e6
