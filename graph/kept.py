"""Results kept beside the checkpoints, so that a superstep which is executed again does no work twice.

A server that re-executes a long node, a resumed run and a second process on the same thread all start a superstep
again. LangGraph has the results whose writes reached the checkpoint; those that were still on their way are found
here, by superstep, task and inputs, unless they had not reached the store either. A process that executes the superstep
right now is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from langgraph.runtime import ExecutionInfo
from pydantic import ValidationError

from graph.types import Task, TaskResult
from tools import results
from tools.artifacts import store
from tools.errors import SetupError
from tools.outputs import Output
from tools.results import is_whole, key_of

_closing = set[asyncio.Task[None]]()


class Kept:
    """The kept results of one superstep.

    Args:
        superstep: The superstep's folder; None where there is no thread that could be gone on with.
    """

    def __init__(self, superstep: str | None) -> None:
        self._superstep = superstep
        self._found: dict[str, str] = {}
        self._users = 0
        self._opening: asyncio.Task[None] | None = None
        self._keeping: list[asyncio.Future[None]] = []
        self._lock = AsyncExitStack()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have what an earlier execution left; other processes are kept out as long as any task is inside."""
        if self._superstep is None:
            yield
            return
        self._users += 1
        self._opening = self._opening or asyncio.create_task(self._open(self._superstep))
        try:
            # Unlike awaiting it, this does not cancel what the other tasks wait for.
            await asyncio.wait([self._opening])
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._opening.cancel()
                _in_background(_close(self._keeping, self._lock))
                self._opening, self._keeping, self._lock = None, [], AsyncExitStack()

    async def _open(self, superstep: str) -> None:
        self._found = await self._lock.enter_async_context(results.alone(superstep))

    async def result_of(self, id_: str) -> TaskResult | None:
        """Return what an earlier execution of a task came to, whatever its inputs were."""
        text = self._found.get(id_)
        return await asyncio.to_thread(_read, text) if text else None

    async def found(self, task: Task, sources: Mapping[str, TaskResult]) -> TaskResult | None:
        """Return what an earlier execution made of the same inputs, if its files are still in the store."""
        found = await self.result_of(task.id)
        if found is None or found.output is None or found.digest != task.digest(sources):
            return None
        return found if await asyncio.to_thread(is_whole, found.output) else None

    def keep(self, task: Task, result: TaskResult) -> None:
        """Have a result kept, which nobody waits for; a failure is not, since another try may do better."""
        if self._superstep and result.output:
            work = partial(_keep, self._superstep, task.id, result, result.output)
            self._keeping.append(asyncio.get_running_loop().run_in_executor(None, work))


def _read(text: str) -> TaskResult | None:
    try:
        return TaskResult.model_validate_json(text)
    except ValidationError:
        # Another version wrote it.
        return None


def _keep(superstep: str, id_: str, result: TaskResult, output: Output) -> None:
    results.keep(superstep, id_, result.model_dump_json(exclude_defaults=True))
    if output.text and not output.files:
        # `respond` puts such texts into the store: it need not wait for those that are there already.
        with suppress(SetupError):
            store().put_text(output.text, id_)


async def _close(keeping: Sequence[asyncio.Future[None]], lock: AsyncExitStack) -> None:
    """Let other processes in once everything is kept."""
    try:
        if keeping:
            # Unlike `gather`, this leaves them alone when the program ends.
            await asyncio.wait(keeping)
    finally:
        await lock.aclose()


def _in_background(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that nobody waits for."""
    task = asyncio.create_task(work)
    # An event loop holds its tasks weakly.
    _closing.add(task)
    task.add_done_callback(_closing.discard)


def superstep_of(info: ExecutionInfo) -> str | None:
    """Return the folder of a superstep's results, or None without a thread.

    The run's id is no part of it: LangGraph Server gives it to the first attempt only, and a resumed run has another.
    """
    return info.thread_id and f"{turn_of(info)}/{key_of(info.checkpoint_id)[:32]}"


def turn_of(info: ExecutionInfo) -> str:
    """Return the folder of a turn's results: the next turn on the same thread empties it."""
    return key_of(info.thread_id, info.checkpoint_ns.rpartition("|")[0])[:32]
