"""Checkpoints in a Postgres database, for several processes and machines."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString, cast

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, Error, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from app.serializer import serializer
from tools.errors import SetupError

CONNECT_SECONDS = 10
"""How long the database may take to answer, where its address does not say."""
CONNECTIONS = 4
"""Most connections of one process; 200 results that come at once are kept in 0.28 s instead of 0.66 s."""
SETUP_LOCK = 0x48756767
"""Number of the advisory lock that keeps processes apart while they make the tables."""
POLL_SECONDS = 0.1
HOW: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
"""How `AsyncPostgresSaver` wants its connections."""
DELETE_RUNS = (
    """DELETE FROM checkpoint_writes AS w USING checkpoints AS c
    WHERE c.metadata ->> 'run_id' = ANY(%(runs)s) AND w.thread_id = c.thread_id
        AND w.checkpoint_ns = c.checkpoint_ns AND w.checkpoint_id = c.checkpoint_id""",
    "DELETE FROM checkpoints WHERE metadata ->> 'run_id' = ANY(%(runs)s)",
)
"""Values that only these checkpoints used stay until their thread is deleted or pruned."""
COPY = (
    """INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(target)s, checkpoint_ns, channel, version, type, blob
    FROM checkpoint_blobs WHERE thread_id = %(source)s ON CONFLICT DO NOTHING""",
    """INSERT INTO checkpoint_writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    FROM checkpoint_writes WHERE thread_id = %(source)s ON CONFLICT DO NOTHING""",
    """INSERT INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        jsonb_set(metadata, '{thread_id}', to_jsonb(%(target)s::text), false)
    FROM checkpoints WHERE thread_id = %(source)s ON CONFLICT DO NOTHING""",
)
BLOBS = """SELECT blob FROM checkpoint_blobs WHERE thread_id = %(thread)s AND blob IS NOT NULL
    UNION ALL SELECT blob FROM checkpoint_writes WHERE thread_id = %(thread)s
    UNION ALL SELECT convert_to(checkpoint::text, 'UTF8') FROM checkpoints WHERE thread_id = %(thread)s"""
DELETE = "delete"
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


class PostgresCheckpoints(AsyncPostgresSaver):
    """LangGraph's Postgres saver with what LangGraph Server and `hugginggpt prune` need besides.

    Args:
        pool: Its connections are opened as `HOW` says.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, serde=serializer())
        # LangGraph's lock lets one call through at a time, although each takes a connection of its own from the pool.
        self.lock = cast(asyncio.Lock, asyncio.Semaphore(CONNECTIONS))
        self._pool = pool

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Delete the checkpoints that these runs made, with their pending writes."""
        await self._change(DELETE_RUNS, {"runs": [str(id_) for id_ in run_ids]})

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and pending writes of a thread to another one."""
        await self._change(COPY, {"source": str(source_thread_id), "target": str(target_thread_id)})

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As LangGraph's saver does; its server calls the strategy `delete` `delete_all`."""
        await super().aprune(thread_ids, strategy=DELETE if strategy == "delete_all" else strategy)

    async def threads(self) -> list[str]:
        """Return the ids of all threads."""
        async with self._pool.connection() as connection:
            found = await connection.execute("SELECT DISTINCT thread_id FROM checkpoints")
            return [row["thread_id"] for row in await found.fetchall()]

    async def blobs(self, thread: str) -> list[bytes]:
        """Return everything that is stored of a thread, as it is serialized."""
        async with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(BLOBS, {"thread": thread})
            return [row["blob"] for row in await cursor.fetchall()]

    async def _change(self, statements: Sequence[LiteralString], values: Mapping[str, Any]) -> None:
        """Execute statements in one transaction."""
        async with self._pool.connection() as connection, connection.transaction():
            for statement in statements:
                await connection.execute(statement, values)


@asynccontextmanager
async def postgres(url: SecretStr) -> AsyncIterator[PostgresCheckpoints]:
    """Open the checkpoints of a database, whose tables are made where there are none.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, or any connection string of libpq.

    Raises:
        SetupError: The database cannot be used; told without its address, which may hold a password.
    """
    try:
        address = _address(url)
        await _set_up(address)
        async with Pool(
            address,
            min_size=1,
            max_size=CONNECTIONS,
            open=False,
            kwargs=HOW,
            check=AsyncConnectionPool.check_connection,
        ) as pool:
            yield PostgresCheckpoints(pool)
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
