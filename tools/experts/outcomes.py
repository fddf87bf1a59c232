"""How calls in worker processes end: with a result, or with an error that becomes one of ours."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, TypeVar

from pebble import ProcessExpired

from tools.errors import HuggingGPTError, ModelError, TimeLimitError, TransientError
from tools.experts import processes
from tools.experts.held import held_here, ran_out

R = TypeVar("R")
KILLED = (-signal.SIGKILL, -signal.SIGTERM)
"""Exit codes of processes that were ended from outside, as by the kernel when memory runs out."""
ORPHANED = 255
"""Exit code that `multiprocessing` gives a process whose fork server was killed, and so was itself."""
EXHAUSTED = 77
"""Exit code of a process whose call lacked memory."""


def survived(future: "asyncio.Future[Any]") -> bool:
    """Tell whether the process of a call that is over still runs, with its model."""
    if not future.done() or future.cancelled():
        return False
    return future.exception() is None or isinstance(future.exception(), HuggingGPTError)


def exhausted(future: "asyncio.Future[Any]") -> bool:
    """Tell whether a call that is over lacked memory."""
    error = None if future.cancelled() else future.exception()
    return isinstance(error, ProcessExpired) and error.exitcode == EXHAUSTED


def problem(key: str, future: "asyncio.Future[Any]", timeout: float | None) -> HuggingGPTError | None:
    """Translate how a call ended into an error of ours, or None when it ended well."""
    if future.cancelled():
        return TransientError(f"{key} was stopped before it had finished.")
    error = future.exception()
    if error is None or isinstance(error, HuggingGPTError):
        return error
    if isinstance(error, TimeoutError):
        return TimeLimitError(f"{key} did not finish within {timeout:g} seconds; raise the time limit.")
    if isinstance(error, ProcessExpired):
        # What the system or a user killed may live next time; what ended by itself will do so again.
        kind = TransientError if error.exitcode in (*KILLED, ORPHANED) else ModelError
        return kind(f"{key} crashed (exit code {error.exitcode}); there may be too little memory.")
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
        if ran_out(error):
            # Only its end gives back all that a process holds on a GPU: torch keeps what it once had.
            os._exit(EXHAUSTED)
        if isinstance(error, Exception) and not isinstance(error, HuggingGPTError):
            raise _failure(self.key, error) from error


def measured(
    key: str, function: Callable[..., R], args: tuple[object, ...], threads: int
) -> tuple[R | HuggingGPTError, Mapping[str, int]]:
    """Run in the worker: return the function's result, or an error of ours, and what the process holds now."""
    processes.share(threads)
    try:
        with _Failures(key):
            result = function(*args)
    except HuggingGPTError as error:
        return error, held_here()
    return result, held_here()
