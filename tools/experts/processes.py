"""How worker processes start: forked from a small server, never from the main process with its threads."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.popen_forkserver import Popen
from multiprocessing.process import BaseProcess
from typing import Any

_PR_SET_PDEATHSIG = 1
MOST_THREADS = 8
"""Most threads of one call: few models gain from more."""
_main = threading.Lock()
_share = 1


class WorkerProcess(ForkServerProcess):
    """A process that does not import the program it serves.

    `multiprocessing` runs the main script again in every child. Workers only call functions of importable
    modules, so that would cost a second and the memory of the whole application, and a script without
    `if __name__ == "__main__"` would start its own work again.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:  # noqa: N802 - the name is multiprocessing's
        with _main_hidden():
            return ForkServerProcess._Popen(process_obj)


class WorkerContext(ForkServerContext):
    """The `multiprocessing` context of all workers."""

    Process = WorkerProcess


def context() -> WorkerContext:
    """Return the context that workers are started with."""
    made = WorkerContext()
    made.set_forkserver_preload(["tools.experts.preload"])
    return made


def warm() -> None:
    """Start the fork server, which then imports what workers need; does not wait for it."""
    context()
    forkserver.ensure_running()


@contextmanager
def _main_hidden() -> Iterator[None]:
    with _main:
        names = vars(sys.modules["__main__"])
        hidden: dict[str, object] = {
            name: names.pop(name) for name in ("__file__", "__spec__") if name in names
        }
        names["__spec__"] = None
        try:
            yield
        finally:
            names.update(hidden)


def cores() -> int:
    """Return how many cores this program may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity else os.cpu_count() or 1)


def most_threads() -> int:
    """Return the threads of a model whose library takes their number when it loads and lets them sleep while idle.

    The system divides the cores between those of all workers.
    """
    return min(MOST_THREADS, cores())


def threads() -> int:
    """Return how many threads the call that runs in this worker process may use: its share of the cores."""
    return _share


def share(number: int) -> None:
    """Set this process's share of the cores, for the libraries that can change their threads at any time."""
    global _share  # noqa: PLW0603 - one call at a time in a process
    _share = number
    # What is imported later reads it then.
    os.environ["OMP_NUM_THREADS"] = str(number)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)


def end_server() -> None:
    """End the fork server at once, also while it is importing; the next worker starts another one.

    It would end by itself, but only when its imports are done, and hold this program's streams open until then.
    """
    server: Any = forkserver._forkserver
    if pid := server._forkserver_pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def prepare() -> None:
    """Set up a worker process; runs in it before its first call."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A handler in Python would wait until a library written in C returns.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # The main process may print exactly one JSON object there.
    os.dup2(2, 1)
    # By default progress bars share a semaphore between processes, which a killed worker would leave behind.
    import_module("tqdm").tqdm.set_lock(threading.RLock())
    follow_parent()


def follow_parent() -> None:
    """Make this process end when its parent does, even when the parent is killed.

    On Linux the kernel does it (`man 2 prctl`), whatever library is running; elsewhere a thread watches. The
    parent that the kernel knows is the fork server, which lives until the last handle on its pipe is closed;
    `multiprocessing` gives every worker one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    server: Any = forkserver._forkserver
    os.close(server._forkserver_alive_fd)
    server._forkserver_alive_fd = None
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
