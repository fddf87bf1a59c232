"""The tasks of a run as they go: a table that changes on a terminal, one line per change anywhere else."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live

from app.draft import draft
from app.parts import BUSY, LABELS, UNSAID, Row, bars, line, progress, tasks_table, tree
from graph.events import PlanEvent
from graph.types import Assignment, Plan, TaskResult


@dataclass
class Progress:
    """Shows the plan while it is written, and then its tasks.

    Args:
        console: Where to show them.
    """

    console: Console
    drafted: list[PlanEvent] = field(default_factory=list)
    """The tasks that were written so far of a plan that is not there yet."""
    live: Live | None = None
    """The table that changes, while there is one."""
    _rows: dict[str, Row] = field(default_factory=dict)
    _downloads: dict[str, tuple[int, int]] = field(default_factory=dict)

    def draft(self, event: PlanEvent) -> None:
        """Show a task that was written; an earlier number begins again from there."""
        self.drafted = [*self.drafted[: event["number"]], event]
        self.start()

    def plan(self, plan: Plan, names: Mapping[str, str]) -> None:
        """Show a plan, and its tasks from now on; as `app.parts.tree`."""
        self.drafted = []
        self._rows = {task.id: Row(task.name) for task in plan.ordered()}
        self.stop()
        if plan.tasks:
            self.console.print(tree(plan, names))
            self.start()

    def assign(self, assignments: Mapping[str, Assignment]) -> None:
        """Show the models that were chosen for tasks that have not ended."""
        for id_, row in self._rows.items():
            if row.seconds is None and id_ in assignments:
                row.model = next(iter(assignments[id_].models), "")

    def end(self, results: Mapping[str, TaskResult]) -> None:
        """Show tasks that have ended; the table stays as it is once all have."""
        for id_, result in results.items():
            reason = result.error.reason if result.error else ""
            self.change(id_, result.status, result.model, result.seconds, reason)
        if all(row.seconds is not None for row in self._rows.values()):
            self.stop()

    def fetch(self, asset: str, done: int, total: int) -> None:
        """Show how far a download is."""
        before, self._downloads[asset] = self._downloads.get(asset, (-1, total)), (done, total)
        self.start()
        # Without a table that changes, a line at every tenth tells enough.
        if not self.live and 10 * done // total > 10 * before[0] // total:
            self.console.print(progress(asset, done, total), markup=False, highlight=False)

    def change(
        self, id_: str, status: str, model: str | None = None, seconds: float | None = None, reason: str = ""
    ) -> None:
        """Show a task's new status; the end of a task is reported both as an event and as a result."""
        row, status = self._rows[id_], LABELS.get(status, status)
        if row.seconds is not None:
            return
        if row.status not in BUSY:
            row.since = time.monotonic()
        before, row.said = row.said, row.said if status in UNSAID else (status, model)
        row.status, row.seconds, row.reason = status, seconds, reason
        row.model = model or ("" if seconds is not None else row.model)
        if row.said != before and not self.live:
            self.console.print(line(id_, row), markup=False, highlight=False, soft_wrap=True)

    def pause(self) -> None:
        """Take the table away for a question."""
        if self.live:
            self.live.transient = True
        self.stop()

    def go_on(self) -> None:
        """Show the table again after a question."""
        if self._rows:
            self.start()

    def start(self) -> None:
        """Show a table that changes, where the terminal can."""
        if self.console.is_terminal and not self.console.is_dumb_terminal and not self.live:
            self.live = Live(
                get_renderable=self._table,
                console=self.console,
                refresh_per_second=4,
                transient=not self._rows,
            )
            self.live.start()

    def stop(self) -> None:
        """Leave the table as it is."""
        if self.live:
            self.live.stop()
            self.live = None

    def _table(self) -> RenderableType:
        coming = {name: part for name, part in self._downloads.items() if part[0] < part[1]}
        written = [draft(self.drafted)] if self.drafted else []
        return Group(*([tasks_table(self._rows)] if self._rows else []), *written, bars(coming))
