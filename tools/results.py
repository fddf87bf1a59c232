"""Finished work, kept in the artifact store so that it is not done twice."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from tools.artifacts import store
from tools.errors import SetupError
from tools.outputs import Output
from tools.settings import settings

FIRST_POLL_SECONDS, POLL_SECONDS = 0.002, 0.25
"""How soon one that waits for another looks whether that has ended: twice as long each time, up to the second."""
logger = logging.getLogger(__name__)


def key_of(*parts: Any) -> str:
    """Return the key of the work that is made of these parts, plain JSON: a hex digest."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@asynccontextmanager
async def alone(folder: str) -> AsyncIterator[dict[str, str]]:
    """Keep all other processes of this machine out of the work whose results are kept in a folder; they wait.

    The lock is one of the operating system (`flock`), which a dead process cannot hold. Where no lock can be made, the
    work is done all the same.

    Yields:
        What is kept there (`kept`).
    """
    lock = FileLock(settings().data_dir / "locks" / key_of(folder), thread_local=False)
    pause = FIRST_POLL_SECONDS
    # Another process holds it, which no event here can tell.
    while (found := await asyncio.to_thread(_entered, lock, folder)) is None:
        await asyncio.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS)
    try:
        yield found
    finally:
        # Nobody here waits for that: it only lets other processes in.
        asyncio.get_running_loop().run_in_executor(None, _release, lock)


def _entered(lock: FileLock, folder: str) -> dict[str, str] | None:
    """Take the lock and return what is kept in the folder; None while another process has the lock."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except OSError as error:
        logger.warning("Work goes on without a lock: %s", error)
    return kept(folder)


def _release(lock: FileLock) -> None:
    if lock.is_locked:
        # While it is held: one that waits for it sees that its file is gone, and makes a new one.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def kept(folder: str) -> dict[str, str]:
    """Return the texts that were kept in a folder by their names. Blocking."""
    found = dict[str, str]()
    try:
        place = store().place
        with place.being("read"), suppress(FileNotFoundError):
            paths = place.files.ls(_folder(folder), detail=False)
            found = {PurePosixPath(path).stem: place.files.cat_file(path).decode() for path in paths}
    except SetupError as error:
        logger.warning("Kept results cannot be read: %s", error)
    return found


def keep(folder: str, name: str, text: str) -> None:
    """Keep a text in a folder. Blocking; a store that cannot be written is no reason to fail."""
    try:
        place = store().place
        with place.partial(f"The result {name}") as partial:
            place.copy([text.encode()], partial)
            place.move(partial, f"{_folder(folder)}/{name}.json")
    except SetupError as error:
        logger.warning("A result cannot be kept: %s", error)


def forget(folder: str) -> None:
    """Remove a folder with all that was kept in it. Blocking."""
    try:
        place = store().place
        with place.being("written"), suppress(FileNotFoundError):
            place.files.rm(_folder(folder), recursive=True)
    except SetupError as error:
        logger.warning("Kept results cannot be removed: %s", error)


def _folder(name: str) -> str:
    return store().place.at(f"results/{name}")


def is_whole(output: Output) -> bool:
    """Tell whether the files of a kept output are all still in the store. Blocking."""
    return all(store().exists(file.ref) for file in output.files)
