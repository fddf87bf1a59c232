"""Execute: every task starts the moment its sources are there.

`dispatch` sends all unfinished tasks at once and the board (`graph.board`) lets them wait for each other inside the
superstep. LangGraph stores each result as its task ends, so a kill loses only what was running.
"""

from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import Field

from graph.attempt import attempt
from graph.board import Board, board_of
from graph.context import Context, context_of
from graph.events import TaskEvent
from graph.state import Assignment, Frozen, State, Task, TaskError, TaskResult
from tools.usage import recorded

NOT_ASSIGNED = Assignment(reason="No model was chosen for this task.")


class Call(Frozen):
    """What one `execute` is sent: a task, its models, and the results it needs that are already known."""

    task: Task
    assignment: Assignment
    known: dict[str, TaskResult] = Field(default_factory=dict)


async def dispatch(state: State) -> dict[str, Any]:
    """Write nothing; a node of its own, so that `route` runs once when all tasks sent have ended."""
    return {}


def route(state: State) -> list[Send] | str:
    """Send every unfinished task, sources first; with none left go on to `respond`. Total and pure."""
    return [Send("execute", _call(state, task)) for task in state.unfinished] or "respond"


def _call(state: State, task: Task) -> dict[str, Any]:
    call = Call(
        task=task,
        assignment=state.assignments.get(task.id, NOT_ASSIGNED),
        known={id_: state.results[id_] for id_ in task.dep if id_ in state.results},
    )
    return call.model_dump(mode="json", exclude_defaults=True)


async def execute(sent: dict[str, Any], runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for the task's sources, run it, and return its result; never raises but when cancelled.

    Args:
        sent: A `Call` as plain JSON: LangGraph hands on what a Send carries as it is.
        runtime: The run's context and stream.

    Returns:
        `{"results": {id: result}}` and the chat calls made, or nothing when the task defers to the next superstep.
    """
    call, info = Call.model_validate(sent), runtime.execution_info
    task = call.task
    if info is None:
        raise RuntimeError("execute runs as a node of a graph only")
    board = board_of(info.checkpoint_id)
    board.enter(task.id)
    result: TaskResult | None = None
    try:
        sources = await _sources(call, board)
        if sources is not None:
            with recorded(task.id) as usage:
                result = _skip(task, sources) or await attempt(
                    task, call.assignment, sources, context_of(runtime), runtime.stream_writer
                )
    finally:
        board.settle(task.id, result)
    if result is None:
        return {}
    runtime.stream_writer(_ended(task, result))
    return {"results": {task.id: result}, "usage": usage}


async def _sources(call: Call, board: Board) -> dict[str, TaskResult] | None:
    """Return the results of all sources by task id, or None if one is neither known nor running here."""
    results = dict(call.known)
    for id_ in call.task.dep:
        found = results.get(id_) or await board.result_of(id_)
        if found is None:
            return None
        results[id_] = found
    return results


def _skip(task: Task, sources: dict[str, TaskResult]) -> TaskResult | None:
    for id_, source in sources.items():
        if source.error:
            return TaskResult(
                error=TaskError(reason=f"It needs task {id_}: {source.error.reason}", source=id_)
            )
    return None


def _ended(task: Task, result: TaskResult) -> TaskEvent:
    event = TaskEvent(
        type="task", id=task.id, status=result.status, model=result.model, seconds=result.seconds
    )
    if result.error:
        event["reason"] = result.error.reason
    return event
