"""The board: where tasks of one superstep, running in one process, hand each other their results.

LangGraph applies the writes of a superstep when all of its tasks have ended. A task that waits here for its sources
starts the moment they are there instead of one superstep later. Nothing depends on the board for correctness: a task
that does not find a source on it defers to the next superstep, when the state holds that source's result.
"""

import asyncio
from weakref import WeakValueDictionary

from graph.state import TaskResult

QUIET_SECONDS = 0.02
"""A source that has not shown up is given up once no task of the superstep has started for this long."""


class Board:
    """The tasks of one superstep that run in this process, each with the future of its result."""

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[TaskResult | None]] = {}

    def enter(self, id_: str) -> None:
        """Announce that a task runs here, so that others wait for it."""
        self._ends[id_] = asyncio.get_running_loop().create_future()

    def settle(self, id_: str, result: TaskResult | None) -> None:
        """Hand out a task's result; None when it deferred or was cancelled."""
        end = self._ends[id_]
        if not end.done():
            end.set_result(result)

    async def result_of(self, id_: str) -> TaskResult | None:
        """Wait for a task's result.

        Returns:
            The result, or None if the task does not run here or did not finish: it ended before a crash and its result
            is only in the checkpoint.
        """
        while id_ not in self._ends:
            started = len(self._ends)
            await asyncio.sleep(QUIET_SECONDS)
            if len(self._ends) == started:
                break
        end = self._ends.get(id_)
        # A waiter that is cancelled must not cancel the future all others wait for.
        return await asyncio.shield(end) if end else None


_boards: WeakValueDictionary[str, Board] = WeakValueDictionary()


def board_of(superstep: str) -> Board:
    """Return the board of a superstep; it lives as long as one of its tasks holds it.

    Args:
        superstep: What all tasks of a superstep share and no others do: the id of the checkpoint they start from.
    """
    board = _boards.get(superstep)
    if board is None:
        board = _boards[superstep] = Board()
    return board
