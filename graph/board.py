"""The board: where tasks of one superstep, running in one process, hand each other their results.

LangGraph applies the writes of a superstep when all of its tasks have ended. A task that waits here for its sources
starts the moment they are there instead of one superstep later. Nothing depends on the board for correctness: a task
that does not find a source on it defers to the next superstep, when the state holds that source's result.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from langgraph.runtime import ExecutionInfo

from graph.kept import Kept, superstep_of
from graph.types import TaskResult

QUIET_SECONDS = 0.02
"""A source that has not shown up is given up once no task of the superstep has started for this long."""

End = asyncio.Future[TaskResult | None]


class Board:
    """The tasks of one superstep that run here, each with the future of its result.

    Args:
        kept: Results of the superstep that an earlier execution left.
    """

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._ends: dict[str, End] = {}

    @asynccontextmanager
    async def entry(self, id_: str) -> AsyncIterator[End]:
        """Announce that a task runs here, so that others wait for it, and settle it when the block ends.

        A task that runs here already, since the same superstep was started twice, is waited for.

        Yields:
            The future to set the task's result on; one that is done when there is a result already. Without a result
            it ends as None: deferred or cancelled.
        """
        while (end := self._ends.get(id_)) and not end.done():
            await asyncio.wait([end])
        if end is None or end.result() is None:
            end = self._ends[id_] = asyncio.get_running_loop().create_future()
        try:
            yield end
        finally:
            if not end.done():
                end.set_result(None)

    async def result_of(self, id_: str) -> TaskResult | None:
        """Wait for a task's result.

        Returns:
            The result, or None if the task does not run here and left nothing: it ended before a crash and its result
            is only in the checkpoint, or it did not finish.
        """
        while id_ not in self._ends:
            started = len(self._ends)
            await asyncio.sleep(QUIET_SECONDS)
            if len(self._ends) == started:
                return await self.kept.result_of(id_)
        # Unlike `await`, this does not cancel the future all others wait for when the waiting is cancelled.
        # Another run of the same superstep may take the task over when this one of its executions is cancelled.
        while not (end := self._ends[id_]).done():
            await asyncio.wait([end])
        return end.result()


_boards: WeakValueDictionary[tuple[str | None, str, int], Board] = WeakValueDictionary()


def board_of(info: ExecutionInfo) -> Board:
    """Return the board of a superstep on the running event loop; it lives as long as one of its tasks holds it.

    Args:
        info: Its thread and checkpoint ids are what all tasks of a superstep share and no others do: a copy of a
            thread has the same checkpoints.
    """
    key = (info.thread_id, info.checkpoint_id, id(asyncio.get_running_loop()))
    board = _boards.get(key)
    if board is None:
        board = _boards[key] = Board(Kept(superstep_of(info)))
    return board
