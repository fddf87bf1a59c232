"""A run as one JSON object, and the files it made as paths."""

from collections.abc import Iterator
from typing import Any

from graph.planners.wire import write
from graph.question import Question
from graph.respond import answer_of
from graph.state import State
from graph.types import Assignment, Plan, TaskResult
from tools.artifacts import store
from tools.outputs import Artifact


def report(thread: str, state: State, seconds: float, interrupt: Question | None = None) -> dict[str, Any]:
    """Return all there is to say about a run.

    Args:
        thread: Name of the conversation.
        state: The state at the end.
        seconds: Wall-clock time of the run.
        interrupt: What it waits for.

    Returns:
        A JSON object; `files` are absolute paths.
    """
    return {
        "thread_id": thread,
        "plan": write(state.plan or Plan()),
        "assignments": {id_: _assignment(each) for id_, each in state.assignments.items()},
        "results": {task.id: _result(each) for task, each in state.done},
        "answer": answer_of(state),
        "files": [path for _, path in files(state)],
        "usage": [call.model_dump() for call in state.usage],
        "seconds": round(seconds, 3),
        "interrupt": interrupt,
    }


def files(state: State) -> list[tuple[str, str]]:
    """Return name and absolute path of every file the tasks made."""
    made = (file for _, result in state.done for file in _files(result))
    return list({file.ref: (file.name, path_of(file)) for file in made}.values())


def path_of(file: Artifact) -> str:
    """Return the absolute path of an artifact."""
    return str(store().path(file.ref).absolute())


def has_failed(state: State) -> bool:
    """Tell whether any task of the plan ended without an output."""
    return any(result.error for _, result in state.done)


def _files(result: TaskResult) -> Iterator[Artifact]:
    yield from result.output.files if result.output else ()


def _assignment(assignment: Assignment) -> dict[str, Any]:
    model = assignment.models[0] if assignment.models else None
    return {"model": model, "reason": assignment.reason, "candidates": list(assignment.models)}


def _result(result: TaskResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "model": result.model,
        "text": result.output.text if result.output else None,
        "data": result.output.data if result.output else None,
        "files": [path_of(file) for file in _files(result)],
        "error": result.error.reason if result.error else None,
        "attempts": result.attempts,
        "seconds": round(result.seconds, 3),
    }
