"""Types that the state is made of. They validate themselves, so a wrong plan or result cannot be built."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from tools.errors import SetupError
from tools.outputs import SCHEME, Output, Text
from tools.results import key_of
from tools.tasks import TASKS, TaskRow

Status = Literal["ok", "failed", "skipped"]
ErrorKind = Literal["input", "setup", "model", "transient", "internal", "source", "rejected"]


class Frozen(BaseModel):
    """Base of all values that move through the graph: immutable, with no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(Frozen):
    """What fills one slot of a task: a value known beforehand, or another task's output."""

    slot: str
    """Name of a slot of the task's row."""
    value: Text | None = None
    """The text itself, or for a media slot the reference of an artifact (`artifact://...`)."""
    source: str | None = None
    """Id of the task whose output goes here."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.source is None):
            raise ValueError(f"slot {self.slot!r} needs exactly one of `value` and `source`")
        return self


class Task(Frozen):
    """One call to make."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    name: str
    """Name of a row of `TASKS`."""
    inputs: tuple[Input, ...] = ()

    @model_validator(mode="after")
    def _fits_its_row(self) -> Self:
        if self.name not in TASKS:
            raise ValueError(f"task {self.id}: there is no task type {self.name!r}")
        filled = [slot.slot for slot in self.inputs]
        known = [slot.name for slot in self.row.slots]
        if unknown := [name for name in filled if name not in known]:
            raise ValueError(f"task {self.id}: {self.name} has no slot {unknown[0]!r}; its slots are {known}")
        if doubled := [name for name in known if filled.count(name) > 1]:
            raise ValueError(f"task {self.id}: slot {doubled[0]!r} is filled twice")
        required = [slot.name for slot in self.row.slots if slot.required]
        if empty := [name for name in required if name not in filled]:
            raise ValueError(f"task {self.id}: {self.name} needs its slot {empty[0]!r} filled")
        return self

    @property
    def row(self) -> TaskRow:
        """The row of the task table this task is a call of."""
        return TASKS[self.name]

    @property
    def refs(self) -> tuple[str, ...]:
        """The references of artifacts among its inputs."""
        return tuple(item.value for item in self.inputs if item.value and item.value.startswith(SCHEME))

    @property
    def dep(self) -> tuple[str, ...]:
        """Ids of the tasks this one waits for, in slot order, each once."""
        return tuple(dict.fromkeys(item.source for item in self.inputs if item.source is not None))

    def digest(self, results: Mapping[str, "TaskResult"]) -> str:
        """Return what tells this task with its sources' outputs from any other: 16 hex digits.

        Args:
            results: Those of its sources, by task id.
        """
        outputs = [(output := results[id_].output) and output.digest for id_ in self.dep]
        return key_of(self.model_dump(mode="json", exclude_defaults=True), outputs)[:16]


class Plan(Frozen):
    """The tasks of one request as a directed acyclic graph.

    Raises:
        ValueError: with a sentence for the model that repairs the plan: ids that repeat, unknown task types or
            slots, empty required slots, unknown sources, a cycle, or a medium that does not fit.
        SetupError: It comes from a checkpoint and has task types that are not known here.
    """

    tasks: tuple[Task, ...] = ()
    _order: tuple[Task, ...] = PrivateAttr(default=())
    """Sources first; set once the plan is checked, since every node that reads the state has it checked."""

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        if self._order:
            return self
        _check_types(self.tasks)
        by_id: dict[str, Task] = {}
        for task in self.tasks:
            if by_id.setdefault(task.id, task) is not task:
                raise ValueError(f"two tasks have the id {task.id!r}")
        for task in self.tasks:
            _check_sources(task, by_id)
        try:
            order = TopologicalSorter({task.id: task.dep for task in self.tasks}).static_order()
            self._order = tuple(by_id[id_] for id_ in order)
        except CycleError as error:
            raise ValueError(f"tasks wait for each other in a circle: {' -> '.join(error.args[1])}") from None
        return self

    def ordered(self) -> tuple[Task, ...]:
        """Return the tasks with every source before the tasks that use it."""
        return self._order


def _check_types(tasks: Iterable[object]) -> None:
    """Refuse plain JSON in the place of tasks: LangGraph leaves it so where a checkpoint's value is not valid."""
    for task in tasks:
        if not isinstance(task, Task):
            try:
                Task.model_validate(task)
            except ValidationError as error:
                reason = str(error.errors(include_input=False)[0]["msg"]).removeprefix("Value error, ")
                raise SetupError(
                    f"The plan of this thread cannot be used: {reason}; HUGGINGGPT_PLUGINS names the modules that "
                    "add task types."
                ) from None


def _check_sources(task: Task, by_id: Mapping[str, Task]) -> None:
    for item in task.inputs:
        slot = task.row.slot(item.slot)
        if item.source is None or slot is None:
            continue
        source = by_id.get(item.source)
        if source is None:
            raise ValueError(
                f"task {task.id}: slot {item.slot!r} refers to task {item.source!r}, which is not in the plan"
            )
        if not source.row.can_fill(slot):
            raise ValueError(
                f"task {task.id}: slot {item.slot!r} takes {slot.media}, but task {item.source} "
                f"({source.name}) makes {' and '.join(source.row.makes)}"
            )


class Assignment(Frozen):
    """The models chosen for a task."""

    models: tuple[str, ...] = ()
    """Model ids, best first; the rest is what to fall back to. Empty when nothing here can do the task."""
    reason: str = ""
    """Why the first was chosen, or why there is none and which setting to change."""


class TaskError(Frozen):
    """Why a task has no output."""

    reason: Text
    """A sentence for the user."""
    source: str | None = None
    """Id of the failed task that this one needed; the task itself then was not tried."""
    kind: ErrorKind = "model"
    """What would help: other input, another setting, another model, the same call later, a fix of this program, the
    source's own repair, or another plan, since the user rejected this one. The kind of the last failure where there
    were several."""


class TaskResult(Frozen):
    """The end of one task: an output or an error, never both."""

    output: Output | None = None
    error: TaskError | None = None
    model: str | None = None
    """The model that did the work, or the last one tried."""
    failures: tuple[str, ...] = ()
    """Why earlier calls failed, when there is an output all the same."""
    attempts: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    """Wall-clock time from the first attempt to the end, waiting for sources left out."""
    digest: str = ""
    """What it was made of (`Task.digest`). When that changes, the task is done again; a result that was written by hand
    has none and stands."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.output is None) == (self.error is None):
            raise ValueError("a result has exactly one of `output` and `error`")
        return self

    @property
    def status(self) -> Status:
        """`ok`, `failed`, or `skipped` because a source failed or the user rejected the plan."""
        if self.error is None:
            return "ok"
        return "skipped" if self.error.source or self.error.kind == "rejected" else "failed"
