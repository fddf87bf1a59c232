"""A run on the terminal: the plan as a tree, the tasks as they go, the answer as it is written, the files."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langgraph.types import Overwrite
from rich.console import Console, Group, RenderableType
from rich.live import Live

from app.draft import draft
from app.parts import (
    BUSY,
    LABELS,
    UNSAID,
    Row,
    bars,
    line,
    progress,
    row_of,
    show_files,
    show_texts,
    tasks_table,
    tree,
)
from app.streamed import Streamed
from app.usage import show_usage
from graph.events import PlanEvent
from graph.files import files_of
from graph.respond import answer_of
from graph.state import State
from graph.types import Assignment, Plan, TaskResult
from tools.outputs import Artifact


@dataclass
class View:
    """Shows a run; on anything but a terminal one line per change instead of a table that changes.

    Args:
        console: Where to show it.
        streams: Whether the answer is shown while it is written.
    """

    console: Console
    streams: bool = True
    begun: bool = False
    """Whether the run has begun, so that it can be taken up again."""
    names: dict[str, str] = field(default_factory=dict)
    """Names of files by their references."""
    _rows: dict[str, Row] = field(default_factory=dict)
    _downloads: dict[str, tuple[int, int]] = field(default_factory=dict)
    _draft: list[PlanEvent] = field(default_factory=list)
    _live: Live | None = None
    _answer: Streamed = field(default_factory=Streamed)

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take(self, mode: str, payload: Any) -> None:
        """Show one item of the graph's stream."""
        handlers: dict[str, Callable[[Any], None]] = {
            "updates": self._updated,
            "custom": self._reported,
            "messages": self._written,
        }
        handlers[mode](payload)

    def know(self, files: Sequence[Artifact]) -> None:
        """Note the names of files, to show them instead of their references."""
        self.names.update({file.ref: file.name for file in files})

    def begin(self, state: State) -> None:
        """Show what is there already of a run that goes on."""
        self.know(files_of(state.messages))
        self._planned(state.plan or Plan())
        self._assigned(state.assignments)
        self._all_ended(state.finished)

    def show(self, state: State) -> None:
        """Show a thread's plan with models and statuses; `end` shows what came out."""
        self.know(files_of(state.messages))
        plan = state.plan or Plan()
        if plan.tasks:
            self.console.print(tree(plan, self.names))
            self.console.print(tasks_table({task.id: row_of(task, state) for task in plan.ordered()}))

    def end(self, thread: str, state: State) -> None:
        """Show the answer, where it was not shown yet, then what every task made, the files and the thread."""
        self.stop()
        self._say(self._answer.rest())
        if self._answer.shown:
            self.console.print()
        if self.streams and (rest := _rest(answer_of(state), self._answer.shown.strip())):
            self.console.print(f"\n{rest}", markup=False, highlight=False, soft_wrap=True)
        show_texts(self.console, state)
        show_files(self.console, state)
        show_usage(self.console, state.usage)
        self.console.print(f"\nThread {thread}", style="dim", highlight=False)

    def _updated(self, update: Mapping[str, Any]) -> None:
        for part in update.values():
            for key, show in self._shows().items():
                value = part.get(key) if isinstance(part, Mapping) else None
                # A plan overwrites all assignments and results with those that stay: none in a new turn.
                if value := value.value if isinstance(value, Overwrite) else value:
                    show(value)

    def _shows(self) -> dict[str, Callable[[Any], None]]:
        return {"plan": self._planned, "assignments": self._assigned, "results": self._all_ended}

    def _drafted(self, event: PlanEvent) -> None:
        self._draft = [*self._draft[: event["number"]], event]
        self._start()

    def _planned(self, plan: Plan) -> None:
        self._draft = []
        self._rows = {task.id: Row(task.name) for task in plan.ordered()}
        self.stop()
        if plan.tasks:
            self.console.print(tree(plan, self.names))
            self._start()

    def _assigned(self, assignments: Mapping[str, Assignment]) -> None:
        for id_, row in self._rows.items():
            if row.seconds is None and id_ in assignments:
                row.model = next(iter(assignments[id_].models), "")

    def _all_ended(self, results: Mapping[str, TaskResult]) -> None:
        for id_, result in results.items():
            self._ended(id_, result)
        if all(row.seconds is not None for row in self._rows.values()):
            self.stop()

    def _ended(self, id_: str, result: TaskResult) -> None:
        reason = result.error.reason if result.error else ""
        self._changed(id_, status=result.status, model=result.model, seconds=result.seconds, reason=reason)

    def _reported(self, event: Any) -> None:
        if event["type"] == "plan":
            self._drafted(event)
        elif event["type"] == "note":
            self.console.print(f"Note: {event['text']}", markup=False, highlight=False)
        if "asset" in event:
            self._fetching(event["asset"], event["done"], event["total"])
        if event["type"] == "task":
            shown = {name: event[name] for name in ("status", "model", "seconds", "reason") if name in event}
            self._changed(event["id"], **shown)

    def _fetching(self, asset: str, done: int, total: int) -> None:
        before, self._downloads[asset] = self._downloads.get(asset, (-1, total)), (done, total)
        self._start()
        # Without a table that changes, a line at every tenth tells enough.
        if not self._live and 10 * done // total > 10 * before[0] // total:
            self.console.print(progress(asset, done, total), markup=False, highlight=False)

    def _changed(
        self, id_: str, status: str, model: str | None = None, seconds: float | None = None, reason: str = ""
    ) -> None:
        """Note a task's new status; the end of a task is reported both as an event and as a result."""
        row, status = self._rows[id_], LABELS.get(status, status)
        if row.seconds is not None:
            return
        if row.status not in BUSY:
            row.since = time.monotonic()
        before, row.said = row.said, row.said if status in UNSAID else (status, model)
        row.status, row.model, row.seconds, row.reason = (
            status,
            model or ("" if seconds is not None else row.model),
            seconds,
            reason,
        )
        if row.said != before and not self._live:
            self.console.print(line(id_, row), markup=False, highlight=False, soft_wrap=True)

    def _written(self, item: tuple[BaseMessage, Mapping[str, Any]]) -> None:
        message, metadata = item
        if (
            metadata.get("langgraph_node") != "respond"
            or not isinstance(message, AIMessageChunk)
            or not self.streams
        ):
            return
        self.stop()
        self._say(self._answer.add(str(message.text)))

    def _say(self, text: str) -> None:
        self.console.print(text, end="", markup=False, highlight=False, soft_wrap=True)

    def pause(self) -> None:
        """Take the table away for a question."""
        if self._live:
            self._live.transient = True
        self.stop()

    def go_on(self) -> None:
        """Show the table again after a question."""
        if self._rows:
            self._start()

    def _start(self) -> None:
        if self.console.is_terminal and not self.console.is_dumb_terminal and not self._live:
            self._live = Live(
                get_renderable=self._table,
                console=self.console,
                refresh_per_second=4,
                transient=not self._rows,
            )
            self._live.start()

    def stop(self) -> None:
        """Leave the table as it is."""
        if self._live:
            self._live.stop()
            self._live = None

    def _table(self) -> RenderableType:
        coming = {name: part for name, part in self._downloads.items() if part[0] < part[1]}
        written = [draft(self._draft)] if self._draft else []
        return Group(*([tasks_table(self._rows)] if self._rows else []), *written, bars(coming))


def _rest(answer: str, streamed: str) -> str:
    """Return what of the answer was not streamed: paragraphs put there by code, or all of it if it was cut."""
    rest = answer.removeprefix(streamed)
    return rest.strip() if not rest or rest.startswith("\n") else answer
