"""Where checkpoints are kept: a SQLite file of the user's, or Postgres where `HUGGINGGPT_DATABASE_URL` is set."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import SecretStr

from app.checkpoints import Checkpoints, checkpoints
from tools.errors import SetupError
from tools.settings import Settings, settings

if TYPE_CHECKING:
    from app.postgres import PostgresCheckpoints

Saver: TypeAlias = "Checkpoints | PostgresCheckpoints"


@asynccontextmanager
async def checkpointer() -> AsyncIterator[Saver]:
    """Open the checkpoints that the settings name; the command line and LangGraph Server share them.

    Raises:
        SetupError: They cannot be read or written.
    """
    url = settings().database_url
    async with _postgres(url) if url else _sqlite(file_of(settings())) as saver:
        yield saver


@asynccontextmanager
async def checkpointers() -> AsyncIterator[list[Saver]]:
    """Open all checkpoints that there are: those of `checkpointer`, and the file from before there was a database.

    Raises:
        SetupError: They cannot be read or written.
    """
    file = file_of(settings())
    earlier = await asyncio.to_thread(file.exists)
    async with AsyncExitStack() as stack:
        savers = [await stack.enter_async_context(checkpointer())]
        if settings().database_url and earlier:
            savers.append(await stack.enter_async_context(_sqlite(file)))
        yield savers


def file_of(settings: Settings) -> Path:
    """Return the file of checkpoints where there is no database."""
    return settings.data_dir / "checkpoints.sqlite"


def place_of(settings: Settings) -> str:
    """Return what people know the place of the checkpoints by."""
    return "the database of HUGGINGGPT_DATABASE_URL" if settings.database_url else str(file_of(settings))


def _postgres(url: SecretStr) -> AbstractAsyncContextManager[Saver]:
    try:
        from app.postgres import postgres
    except ImportError as error:
        raise SetupError(
            f'HUGGINGGPT_DATABASE_URL needs the extra postgres ({error}): pip install "hugginggpt[postgres]".'
        ) from None
    return postgres(url)


@asynccontextmanager
async def _sqlite(file: Path) -> AsyncIterator[Saver]:
    try:
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(_unusable(file, error.strerror)) from error
    try:
        async with checkpoints(file) as saver:
            yield saver
    except sqlite3.Error as error:
        raise SetupError(_unusable(file, error)) from error


def _unusable(file: Path, reason: object) -> str:
    return f"The checkpoints in {file} cannot be used: {reason}; HUGGINGGPT_DATA_DIR moves them."
