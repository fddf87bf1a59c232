"""Checkpoints in a SQLite file, for graphs that run on an event loop."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
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

R = TypeVar("R")


class Checkpoints(SqliteSaver):
    """LangGraph's SQLite saver, each of whose calls is one step on a thread of its own.

    `AsyncSqliteSaver` goes to its thread and back for every statement, some fifty times in a run without tasks;
    that and the serialization, which happens on the event loop there, delay the tasks that are running.

    Args:
        connection: Opened with `check_same_thread=False`.
        thread: Has one thread.
    """

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        super().__init__(connection)
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


@asynccontextmanager
async def checkpoints(file: Path) -> AsyncIterator[Checkpoints]:
    """Open a file of checkpoints, which is made where there is none.

    Raises:
        sqlite3.Error: It cannot be used.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="checkpoints") as thread:
        connection = await asyncio.get_running_loop().run_in_executor(thread, _connected, file)
        try:
            yield Checkpoints(connection, thread)
        finally:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(thread, connection.close))


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
