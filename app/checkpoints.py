"""Checkpoints in a SQLite file, for graphs that run on an event loop."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)  # fmt: skip
from langgraph.checkpoint.sqlite import SqliteSaver

from app.serializer import serializer

R = TypeVar("R")
DELETE_RUNS = (
    """DELETE FROM writes WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (
        SELECT thread_id, checkpoint_ns, checkpoint_id FROM checkpoints
        WHERE json_extract(CAST(metadata AS TEXT), '$.run_id') = :run)""",
    "DELETE FROM checkpoints WHERE json_extract(CAST(metadata AS TEXT), '$.run_id') = :run",
)
COPY = (
    """INSERT OR REPLACE INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    SELECT :target, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        CAST(json_replace(CAST(metadata AS TEXT), '$.thread_id', :target) AS BLOB)
    FROM checkpoints WHERE thread_id = :source""",
    """INSERT OR REPLACE INTO writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    SELECT :target, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
    FROM writes WHERE thread_id = :source""",
)
KEEP_LATEST = (
    """DELETE FROM writes AS old WHERE thread_id = :thread AND checkpoint_id < (
        SELECT max(checkpoint_id) FROM checkpoints
        WHERE thread_id = :thread AND checkpoint_ns = old.checkpoint_ns)""",
    """DELETE FROM checkpoints AS old WHERE thread_id = :thread AND checkpoint_id < (
        SELECT max(checkpoint_id) FROM checkpoints
        WHERE thread_id = :thread AND checkpoint_ns = old.checkpoint_ns)""",
)
"""Every value kept is in the checkpoint itself: the graph has no `DeltaChannel`, which needs older ones."""
DELETE = ("DELETE FROM checkpoints WHERE thread_id = :thread", "DELETE FROM writes WHERE thread_id = :thread")
BLOBS = """SELECT checkpoint FROM checkpoints WHERE thread_id = :thread
    UNION ALL SELECT value FROM writes WHERE thread_id = :thread AND value IS NOT NULL"""
STRATEGIES = {"keep_latest": KEEP_LATEST, "delete": DELETE, "delete_all": DELETE}


class Checkpoints(SqliteSaver):
    """LangGraph's SQLite saver, each of whose calls is one step on a thread of its own.

    `AsyncSqliteSaver` goes to its thread and back for every statement, some fifty times in a run without tasks;
    that and the serialization, which happens on the event loop there, delay the tasks that are running.

    Args:
        connection: Opened with `check_same_thread=False`.
        thread: Has one thread.
    """

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        super().__init__(connection, serde=serializer())
        self._thread = thread

    async def _step(self, call: Callable[..., R], *args: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`."""
        return await self._step(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `put_writes`."""
        await self._step(self.put_writes, config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`."""
        return await self._step(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the name is LangGraph's
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`; all are read before the first is given."""
        found = await self._step(lambda: [*self.list(config, filter=filter, before=before, limit=limit)])
        for one in found:
            yield one

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As `get_delta_channel_history`."""
        return await self._step(lambda: self.get_delta_channel_history(config=config, channels=channels))

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await self._step(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Iterable[str]) -> None:
        """Delete the checkpoints that these runs made, with their pending writes."""
        await self._step(self._change, DELETE_RUNS, [{"run": str(id_)} for id_ in run_ids])

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and pending writes of a thread to another one."""
        names = {"source": str(source_thread_id), "target": str(target_thread_id)}
        await self._step(self._change, COPY, [names])

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete threads (`delete`), or all but the latest checkpoint of each of their namespaces (`keep_latest`).

        Raises:
            ValueError: There is no such strategy.
        """
        if strategy not in STRATEGIES:
            raise ValueError(
                f"There is no strategy {strategy!r} for pruning; there are {sorted(STRATEGIES)}."
            )
        await self._step(self._change, STRATEGIES[strategy], [{"thread": str(id_)} for id_ in thread_ids])

    async def threads(self) -> list[str]:
        """Return the ids of all threads."""
        return [id_ for (id_,) in await self._step(self._rows, "SELECT DISTINCT thread_id FROM checkpoints")]

    async def blobs(self, thread: str) -> list[bytes]:
        """Return everything that is stored of a thread, as it is serialized."""
        return [blob for (blob,) in await self._step(self._rows, BLOBS, {"thread": thread})]

    def _change(self, statements: Sequence[str], values: Sequence[Mapping[str, str]]) -> None:
        """Execute each statement with each set of values, in one transaction."""
        with self.cursor() as cursor:
            for statement, named in product(statements, values):
                cursor.execute(statement, named)

    def _rows(self, query: str, values: Mapping[str, str] | None = None) -> list[Any]:
        with self.cursor(transaction=False) as cursor:
            return cursor.execute(query, values or {}).fetchall()


@asynccontextmanager
async def checkpoints(file: Path) -> AsyncIterator[Checkpoints]:
    """Open a file of checkpoints, which is made where there is none.

    Raises:
        sqlite3.Error: It cannot be used.
    """
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
    try:
        connection = await loop.run_in_executor(thread, _connected, file)
        try:
            yield Checkpoints(connection, thread)
        finally:
            await asyncio.shield(loop.run_in_executor(thread, connection.close))
    finally:
        # Not on the event loop, which this blocks until the thread has ended.
        await asyncio.to_thread(thread.shutdown)


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # With WAL a crash of this program loses nothing; only one of the machine may lose the last step.
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
