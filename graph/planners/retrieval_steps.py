"""The steps of a plan while it is made, and the search for what fills their slots."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from graph.planners.retrieval_clauses import Clause
from graph.types import Input
from tools.outputs import Media
from tools.tasks import TaskRow


@dataclass(frozen=True)
class Fill:
    """What goes into a slot: a value or the output of a step."""

    value: str | None = None
    source: str | None = None

    def to(self, slot: str) -> Input:
        """Return this as the input of a slot."""
        return Input(slot=slot, value=self.value, source=self.source)


@dataclass(frozen=True)
class Earlier:
    """A result of an earlier turn of the conversation, which a request may come back to."""

    name: str
    """The task's row, e.g. `summarization`."""
    text: str
    """The text, or the reference of the artifact that holds it."""


@dataclass(frozen=True)
class Step:
    """A task to be, not yet checked against the task table."""

    id: str
    row: TaskRow
    inputs: tuple[Input, ...]
    clause: Clause


@dataclass
class Steps:
    """The steps so far, grouped by the clause they were made for."""

    all: list[Step] = field(default_factory=list)
    groups: list[tuple[Step, ...]] = field(default_factory=list)
    """Several steps in a group do the same to several files or texts."""

    def put(self, row: TaskRow, clause: Clause, filled: Mapping[str, Sequence[Fill]]) -> list[Fill]:
        """Add one step per value of the slot that has most, e.g. one for each recording.

        Returns:
            The outputs of the steps; of those that were there before, where a step would repeat one.
        """
        count = max(len(fills) for fills in filled.values())
        each = [
            tuple(fills[index % len(fills)].to(slot) for slot, fills in filled.items())
            for index in range(count)
        ]
        group = tuple(self._step(row, inputs, clause) for inputs in each)
        if group not in self.groups:
            self.groups.append(group)
        return [Fill(source=step.id) for step in group]

    def latest(self, names: Collection[str]) -> list[Fill]:
        """Return the outputs of the last group of one of these rows."""
        return self._outputs([group for group in self.groups if group[0].row.name in names])

    def making(self, medium: Media) -> list[Fill]:
        """Return the outputs of the last group that makes this medium in the first place."""
        return self._outputs([group for group in self.groups if group[0].row.makes[0] == medium])

    def beside(self, medium: Media) -> list[Fill]:
        """Return the outputs of the last group that makes this medium among others."""
        return self._outputs([group for group in self.groups if medium in group[0].row.makes])

    def texts(self) -> list[Fill]:
        """Return the first output of every group that makes text."""
        return [Fill(source=group[0].id) for group in self.groups if group[0].row.makes[0] == "text"]

    def as_asked(self, fills: Sequence[Fill]) -> list[Fill]:
        """Return outputs in the language they were asked for in: `summarise it in French and read the summary`."""
        clauses = {step.id: step.clause for step in self.all}
        translated = {
            step.inputs[0].source: Fill(source=step.id)
            for step in self.all
            if step.row.name == "translation" and step.clause == clauses.get(step.inputs[0].source or "")
        }
        return [translated.get(fill.source, fill) if fill.source else fill for fill in fills]

    def row_of(self, id_: str) -> TaskRow:
        """Return the row of a step."""
        return next(step.row for step in self.all if step.id == id_)

    def _step(self, row: TaskRow, inputs: tuple[Input, ...], clause: Clause) -> Step:
        for step in self.all:
            if step.row == row and step.inputs == inputs:
                return step
        self.all.append(Step(str(len(self.all)), row, inputs, clause))
        return self.all[-1]

    def _outputs(self, groups: Sequence[tuple[Step, ...]]) -> list[Fill]:
        return [Fill(source=step.id) for step in groups[-1]] if groups else []
