"""Worker processes: one per local model, so that a crash or a hang costs one model, never the program."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from math import inf
from multiprocessing.util import Finalize
from typing import Any, NamedTuple, TypeVar

from pebble import CONSTS, ProcessPool

from tools import memory
from tools.errors import HuggingGPTError, ModelError, TransientError
from tools.experts import processes
from tools.experts.outcomes import exhausted, measured, problem, survived
from tools.experts.resources import CPU, Claim, Holder, Resources

R = TypeVar("R")
LOOK_SECONDS = 1.0
"""How long what was found out about free memory holds."""
# A worker that does not end when it is asked to is killed after this many seconds.
CONSTS.term_timeout = 0.5
_log = logging.getLogger(__name__)
_resources = Resources(processes.cores())
_mutex = _resources.mutex
_workers: dict[str, Holder] = {}
_looking = threading.Lock()
_looked: dict[str, float] = {}


class Needs(NamedTuple):
    """What a call needs, beside the worker process of its model."""

    size: int = 0
    """Bytes of the model, as far as known; what was measured counts more."""
    device: str = CPU
    """Where it computes, as `tools.memory.place` names it."""
    light: bool = False
    """Whether it takes well under a second, so that it neither waits for cores nor takes any from others."""


async def call(
    key: str,
    function: Callable[..., R],
    *args: object,
    timeout: float | None = None,
    needs: Needs = Needs(),  # noqa: B008 - immutable
) -> R:
    """Run a function in the worker process of a model, which keeps what the function keeps in its module.

    Calls start in the order in which they come, as soon as the model, its device and memory for it are free; see
    `Resources`. Cancelling the awaiting task ends the call.

    Args:
        key: The model's id; each has its own process, started when first needed.
        function: A function of an importable module. It, its arguments and its result must be picklable.
        *args: The function's arguments.
        timeout: Seconds from when the worker takes the call; None for no limit.
        needs: Memory, device and whether the call is short.

    Returns:
        What the function returned.

    Raises:
        HuggingGPTError: What the function raised itself.
        TransientError: It took longer than `timeout`, or the worker was ended from outside.
        ModelError: The worker crashed, its device has too little memory, or the function raised any other exception.
    """
    worker = _worker(key, needs)
    if not worker.held:
        await asyncio.to_thread(_look, worker.device)
    claim = Claim(worker, needs.light)
    try:
        await _resources.start(claim)
        leaving, claim.leaving = claim.leaving, []
        # Shielded: what leaves must also end when this call is cancelled.
        pool = await asyncio.shield(asyncio.to_thread(_started, worker, leaving))
        future = asyncio.wrap_future(_scheduled(worker, pool, timeout, (key, function, args, claim.threads)))
        try:
            await asyncio.wait([future])
        finally:
            # Cancels the call itself, and so ends its process, when this task was cancelled.
            future.cancel()
            if not survived(future):
                _resources.emptied(worker)
        result: R = _result(worker, future, timeout)
        return result
    finally:
        _resources.end(claim)
        if claim.leaving:
            await asyncio.shield(asyncio.to_thread(_close, claim.leaving))


def warm() -> None:
    """Have the first worker start sooner: import in the background what all of them need.

    Returns at once. Starting a worker tells what is wrong when this fails, so it does not.
    """
    threading.Thread(target=_warm, name="warm", daemon=True).start()


def make_room(name: str, size: int) -> None:
    """Account for another process of this program that holds main memory, ending idle workers for it. Blocks.

    Args:
        name: What it is; `release` takes it.
        size: Bytes.
    """
    _look(CPU)
    with _mutex:
        leaving, _ = _resources.room(size)
        pools = _resources.unload(leaving)
        _resources.others[name] = size
    _close(pools)


def release(name: str) -> None:
    """Account no more for a process that `make_room` was called for."""
    with _mutex:
        _resources.others.pop(name, None)


def shutdown() -> None:
    """End all workers now; calls in flight raise `TransientError`. A later call starts a new worker."""
    with _mutex:
        calls = [worker.call for worker in _workers.values() if worker.call]
        pools = _resources.unload(_workers.values())
    for call_ in calls:
        call_.cancel()
    _close(pools)


@cache
def _shutdown_at_exit(pid: int) -> None:
    """Have the workers of this process ended with it.

    `atexit` would not do it in a process that `multiprocessing` started, which then waits for its workers forever.
    """
    Finalize(None, shutdown, exitpriority=10)


def _worker(key: str, needs: Needs) -> Holder:
    with _mutex:
        worker = _workers.setdefault(key, Holder(key=key, device=needs.device))
        worker.size = worker.size or needs.size
        return worker


def _look(device: str) -> None:
    """Find out how much memory models may take on a device, unless that was done a moment ago. Blocks.

    What a model that is being loaded is to hold is in part free still, and would count twice.
    """
    with _looking:
        if (now := time.monotonic()) - _looked.get(device, -inf) < LOOK_SECONDS:
            return
        if device in _looked and _resources.loads(device):
            return
        _looked[device] = now
        _resources.limits[device] = memory.room(device, _resources.held(device))


def _warm() -> None:
    try:
        processes.warm()
    except OSError as error:
        _log.warning("The server that starts workers did not start: %s", error)


def _started(worker: Holder, leaving: list[ProcessPool]) -> ProcessPool:
    """Return the worker's running pool, ending those that leave for it. Blocks; the caller has the worker's turn."""
    # A pool that another thread starts answers when it has started: the mutex, which event loops take, must not wait.
    former = worker.pool
    dead = former is not None and not former.active
    with _mutex:
        ended = _resources.unload([worker]) if dead and worker.pool is former else []
    _close([*leaving, *ended])
    _shutdown_at_exit(os.getpid())
    with _mutex:
        if worker.pool is None:
            worker.pool = ProcessPool(
                max_workers=1, initializer=processes.prepare, context=processes.context()
            )
        pool = worker.pool
    try:
        # Asking a new pool whether it is active starts it.
        _log.debug("worker %s starts: %s", worker.key, pool.active)
    except BrokenProcessPool as error:
        raise TransientError(f"No process could be started for {worker.key}: {error.__cause__}.") from error
    return pool


def _scheduled(
    worker: Holder, pool: ProcessPool, timeout: float | None, args: tuple[object, ...]
) -> "Future[tuple[Any, Mapping[str, int]]]":
    try:
        worker.call = pool.schedule(measured, args=args, timeout=timeout)
    except RuntimeError as error:
        raise TransientError(f"The process of {worker.key} could not be used: {error}; try again.") from error
    return worker.call


def _close(pools: list[ProcessPool]) -> None:
    """Kill the workers of these pools, all at the same time: each takes a few tenths of a second."""
    for pool in pools:
        pool.stop()
    for pool in pools:
        pool.join()


def _result(worker: Holder, future: "asyncio.Future[Any]", timeout: float | None) -> Any:
    """Return what a call returned, noting what its worker holds now; or raise an error of ours."""
    if exhausted(future):
        raise _lacked_memory(worker)
    if error := problem(worker.key, future, timeout):
        raise error
    result, held = future.result()
    failed = isinstance(result, HuggingGPTError)
    _note(worker, held, failed)
    if failed:
        raise result
    return result


def _note(worker: Holder, held: Mapping[str, int], failed: bool) -> None:
    """Note what a worker holds after a call. One that failed may have left its model to be loaded by the next."""
    with _mutex:
        if worker.held:
            least = worker.held.get(worker.device, 0) if failed else 0
            worker.size = max(held.get(worker.device, 0), least)
            worker.held, worker.loading = {**held, worker.device: worker.size}, False


def _lacked_memory(worker: Holder) -> ModelError:
    """Return the error of a call that lacked memory, and have all others leave the device for the next one."""
    device = worker.device
    with _mutex:
        shared = _resources.held(device) > 0
        worker.size = max(worker.size, _resources.limits.get(device, 0))
    if shared:
        return TransientError(
            f"{worker.key} ran out of memory on {device} beside other models, which leave before it runs again; "
            "a lower HUGGINGGPT_MEMORY_GB keeps fewer of them there."
        )
    return ModelError(
        f"{worker.key} needs more memory than is free on {device}: choose a smaller model, or set HUGGINGGPT_DEVICE "
        "to another device."
    )
