"""Execute: every task starts the moment its sources are there.

All unfinished tasks are sent at once and the board (`graph.board`) lets them wait for each other inside the
superstep. LangGraph stores each result as its task ends, so a kill loses only what was running.
"""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import Field

from graph import traced
from graph.attempt import attempt
from graph.board import Board, End, board_of
from graph.context import Context, context_of
from graph.events import ended, queued
from graph.owners import claim
from graph.state import State
from graph.types import Assignment, Frozen, Plan, Task, TaskError, TaskResult
from tools.errors import SetupError
from tools.usage import ChatCall, recorded

NOT_ASSIGNED = Assignment(reason="No model was chosen for this task.")

Sources = Mapping[str, TaskResult]


class Call(Frozen):
    """What one `execute` is sent: a task, its models, and the results it needs that are already known."""

    task: Task
    assignment: Assignment
    known: dict[str, TaskResult] = Field(default_factory=dict)


def sends(state: State) -> list[Send]:
    """Return every unfinished task as it is sent to `execute`, sources first. Total and pure."""
    known = state.finished
    tasks = (task for task in (state.plan or Plan()).ordered() if task.id not in known)
    return [Send("execute", _call(state, task, known)) for task in tasks]


def _call(state: State, task: Task, known: Sources) -> dict[str, Any]:
    call = Call(
        task=task,
        assignment=state.assignments.get(task.id, NOT_ASSIGNED),
        known={id_: known[id_] for id_ in task.dep if id_ in known},
    )
    return call.model_dump(mode="json", exclude_defaults=True)


async def execute(sent: dict[str, Any], runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for the task's sources, run it, and return its result; never raises but when cancelled or interrupted.

    Args:
        sent: A `Call` as plain JSON: LangGraph hands on what a Send carries as it is.
        runtime: The run's context and stream.

    Returns:
        `{"results": {id: result}}` and the chat calls made, or nothing when the task defers to the next superstep.
    """
    call, info = Call.model_validate(sent), runtime.execution_info
    if info is None:
        raise RuntimeError("execute runs as a node of a graph only")
    board, usage, run = board_of(info), list[ChatCall](), traced.begun(call.task)
    sources: Sources | None = None
    async with board.kept.opened(), board.entry(call.task.id) as end:
        if not end.done():
            runtime.stream_writer(queued(call.task))
            sources = await _sources(call, board)
            with recorded(call.task.id) as usage:
                await _run(call, sources, board, end, runtime)
    if (result := end.result()) is None:
        return {}
    runtime.stream_writer(ended(call.task, result))
    if run:
        await traced.ended(run, call.task, sources or {}, result)
    return {"results": {call.task.id: result}, "usage": usage}


async def _sources(call: Call, board: Board) -> Sources | None:
    """Return the results of all sources by task id, or None if one is neither known nor running here."""
    results = dict(call.known)
    for id_ in call.task.dep:
        found = results.get(id_) or await board.result_of(id_)
        if found is None:
            return None
        results[id_] = found
    return results


async def _run(
    call: Call, sources: Sources | None, board: Board, end: End, runtime: Runtime[Context]
) -> None:
    """Settle the task's end: skipped, what an earlier execution made of the same inputs, or what it makes now."""
    if sources is None:
        end.set_result(None)
        return
    known = _skip(sources) or await board.kept.found(call.task, sources)
    result = known or await attempt(
        call.task, call.assignment, sources, context_of(runtime), runtime.stream_writer
    )
    result = (await _claimed(result)).model_copy(update={"digest": call.task.digest(sources)})
    # Whoever waits for it starts before it is written.
    end.set_result(result)
    if not known:
        board.kept.keep(call.task, result)


async def _claimed(result: TaskResult) -> TaskResult:
    """Note whose the files of a result are; a result whose files nobody could read is a failure."""
    try:
        await claim(file.ref for file in (result.output.files if result.output else ()))
    except SetupError as error:
        return result.model_copy(update={"output": None, "error": TaskError(reason=str(error), kind="setup")})
    return result


def _skip(sources: Sources) -> TaskResult | None:
    for id_, source in sources.items():
        if source.error:
            reason = f"It needs task {id_}: {source.error.reason}"
            return TaskResult(error=TaskError(reason=reason, source=id_, kind="source"))
    return None
