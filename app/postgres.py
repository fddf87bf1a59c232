"""Checkpoints in a Postgres database, for several processes and machines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, Error, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from tools.errors import SetupError

CONNECT_SECONDS = 10
"""How long the database may take to answer, where its address does not say."""
SETUP_LOCK = 0x48756767
"""Number of the advisory lock that keeps processes apart while they make the tables."""
POLL_SECONDS = 0.1
HOW: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
"""How `AsyncPostgresSaver` wants its connections."""


@asynccontextmanager
async def postgres(url: SecretStr) -> AsyncIterator[AsyncPostgresSaver]:
    """Open the checkpoints of a database, whose tables are made where there are none.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, or any connection string of libpq.

    Raises:
        SetupError: The database cannot be used; told without its address, which may hold a password.
    """
    try:
        address = _address(url)
        await _set_up(address)
        # One connection, since the saver does one call at a time; a pool replaces it when it is lost.
        async with AsyncConnectionPool[AsyncConnection[DictRow]](
            address,
            min_size=1,
            max_size=1,
            open=False,
            kwargs=HOW,
            check=AsyncConnectionPool.check_connection,
        ) as pool:
            yield AsyncPostgresSaver(pool)
    except Error as error:
        raise SetupError(
            f"The database of HUGGINGGPT_DATABASE_URL cannot be used: {_reason(error)}."
        ) from None


def _address(url: SecretStr) -> str:
    given = url.get_secret_value()
    seconds = conninfo_to_dict(given).get("connect_timeout") or CONNECT_SECONDS
    return make_conninfo(given, connect_timeout=seconds)


async def _set_up(address: str) -> None:
    """Make the tables, or bring them up to date, while no other process does.

    The lock is tried again and again instead of waited for: an index that is built concurrently waits for all
    statements that are running, and so would wait for the one that waits for it.
    """
    async with await AsyncConnection[DictRow].connect(address, **HOW) as connection:
        while not await _locked(connection):  # noqa: ASYNC110 - no event here tells what another process does
            await asyncio.sleep(POLL_SECONDS)
        await AsyncPostgresSaver(connection).setup()


async def _locked(connection: AsyncConnection[DictRow]) -> bool:
    """Take the lock unless somebody has it; it is let go when the connection closes."""
    found = await connection.execute("SELECT pg_try_advisory_lock(%s) AS locked", (SETUP_LOCK,))
    return bool((await found.fetchone() or {})["locked"])


def _reason(error: Error) -> str:
    """Return the last part of libpq's first line: what comes before it repeats pieces of the address."""
    if isinstance(error, OperationalError) or error.sqlstate:
        return str(error).strip().partition("\n")[0].rpartition(": ")[2].strip().rstrip(".")
    return "it is no connection string such as postgresql://USER:PASSWORD@HOST:5432/DATABASE"
