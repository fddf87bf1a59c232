"""What the graph reports while it runs, on LangGraph's `custom` stream: one event per change.

docs/events.md shows them in the order they come.
"""

from typing import Literal, NotRequired, TypedDict

from graph.types import Task, TaskResult

TaskStatus = Literal["queued", "loading", "running", "retrying", "falling_back", "done", "failed", "skipped"]


class TaskEvent(TypedDict):
    """A task changed its status.

    `queued`: it was sent and waits for its sources. `running`: its model was called. `loading`: the model's files are
    on their way. `retrying`: the same model is asked once more. `falling_back`: the next model is asked. `done`,
    `failed` and `skipped` are its end.
    """

    type: Literal["task"]
    id: str
    name: str
    """Its row, such as `summarization`."""
    status: TaskStatus
    model: NotRequired[str | None]
    """The model that is called, or that was called last."""
    attempt: NotRequired[int]
    """Which call of a model this is, from 1; there from `running` on."""
    seconds: NotRequired[float]
    """Seconds the task took; there once it has ended."""
    reason: NotRequired[str]
    """Why it failed, was skipped or is tried again."""
    asset: NotRequired[str]
    """What is loading; with `done` and `total`."""
    done: NotRequired[int]
    """Bytes that are here."""
    total: NotRequired[int]
    """Bytes in all."""


class DownloadEvent(TypedDict):
    """Files of an embedded model are on their way outside of any task, such as the planner's."""

    type: Literal["download"]
    asset: str
    done: int
    """Bytes that are here."""
    total: int
    """Bytes in all."""


class NoteEvent(TypedDict):
    """Something the user should know, such as a fallback that was taken."""

    type: Literal["note"]
    text: str


class PlanEvent(TypedDict):
    """A chat model has written a task of its plan, which is not checked yet; the checked plan is in the state."""

    type: Literal["plan"]
    number: int
    """Its place in the plan; 0 begins a plan, also one that replaces another."""
    id: str
    name: str
    sources: list[str]
    """Ids of the tasks whose outputs it takes."""


Event = TaskEvent | DownloadEvent | NoteEvent | PlanEvent

ENDS: dict[str, TaskStatus] = {"ok": "done", "failed": "failed", "skipped": "skipped"}
"""The status of an event by that of the result it tells."""


def queued(task: Task) -> TaskEvent:
    """Return the event of a task that was sent."""
    return TaskEvent(type="task", id=task.id, name=task.name, status="queued")


def ended(task: Task, result: TaskResult) -> TaskEvent:
    """Return the event of a task that has a result."""
    event = TaskEvent(
        type="task",
        id=task.id,
        name=task.name,
        status=ENDS[result.status],
        model=result.model,
        attempt=result.attempts,
        seconds=result.seconds,
    )
    if result.error:
        event["reason"] = result.error.reason
    return event
