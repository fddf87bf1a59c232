"""What the graph reports while it runs, on LangGraph's `custom` stream."""

from typing import Literal, NotRequired, TypedDict


class TaskEvent(TypedDict):
    """A task changed its status."""

    type: Literal["task"]
    id: str
    status: Literal["running", "retrying", "ok", "failed", "skipped"]
    model: NotRequired[str | None]
    seconds: NotRequired[float]
    """Seconds the task took; there once it has ended."""
    reason: NotRequired[str]
    """Why it failed, was skipped or is tried again."""


class DownloadEvent(TypedDict):
    """The files of an embedded model are on their way."""

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
