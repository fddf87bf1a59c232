"""Taking in a file or an address the user named: everything is checked here, before any model sees it."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tools.artifacts import ArtifactStore, plain_name
from tools.errors import InputError
from tools.fetch import fetch, is_url
from tools.input_checks import CHECKS
from tools.outputs import Artifact
from tools.settings import settings
from tools.sniff import HEAD, named, sniff


async def ingest(source: str | Path, store: ArtifactStore) -> Artifact:
    """Check a file and store a copy of it.

    Args:
        source: A path, or an http(s) address, as the user wrote it.
        store: Where the copy goes.

    Returns:
        The artifact; its name is the file's.

    Raises:
        InputError: The file cannot be used; the sentence names it and says why.
        SetupError: The store cannot be written, or a library to read the file is not installed.
    """
    if not str(source).strip():
        raise InputError("The name of a file is empty.")
    if not is_url(str(source)):
        return await asyncio.to_thread(_take, Path(source), store)
    async with scratch() as folder:
        return await asyncio.to_thread(_take, await fetch(str(source), folder), store)


async def ingest_bytes(data: bytes, name: str, store: ArtifactStore) -> Artifact:
    """Check bytes and store them; as `ingest`.

    Args:
        data: What a file would hold.
        name: What people know it by; without a suffix it gets the one that fits the bytes.
        store: Where they go.
    """
    async with scratch() as folder:
        file = folder / plain_name(name)
        await asyncio.to_thread(file.write_bytes, data)
        return with_suffix(await ingest(file, store))


def with_suffix(artifact: Artifact) -> Artifact:
    """Return the artifact, under a name that tells its kind if it had none with a suffix."""
    name = artifact.name if Path(artifact.name).suffix else f"{artifact.name}{artifact.suffix}"
    return artifact.model_copy(update={"name": name})


@asynccontextmanager
async def scratch() -> AsyncIterator[Path]:
    """Make a folder that is gone after the block."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _take(path: Path, store: ArtifactStore) -> Artifact:
    path = _readable(path.expanduser())
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD), path.name)
    promised = named(path.name)
    if promised is not None and promised.media != kind.media:
        raise InputError(f"{path.name} is named like {promised.mime} but holds {kind.mime}.")
    CHECKS[kind.media](path, kind)
    return store.put(path)


def _readable(path: Path) -> Path:
    """Return the path when a file of usable size can be read there."""
    limit = settings().max_file_mb
    if any("\ud800" <= char <= "\udfff" for char in path.name):
        raise InputError(f"{os.fsencode(path)!r} cannot be read: its name is not UTF-8; rename it.")
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a directory: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a regular file.")
    if status.st_size > limit * 10**6:
        raise InputError(f"{path.name} is larger than {limit} MB; HUGGINGGPT_MAX_FILE_MB sets the limit.")
    return path
