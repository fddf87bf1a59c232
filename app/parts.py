"""Parts of a run on the terminal: the plan as a tree, the tasks as a table, downloads as bars, what came out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from app.output import table
from app.report import files as files_made
from graph.state import State
from graph.texts import one_line
from graph.types import Input, Plan, Task

BUSY = ("running", "loading", "retrying", "falling back")
STYLES = {"done": "green", "failed": "red", "skipped": "yellow", **dict.fromkeys(BUSY, "cyan")}
LABELS = {"ok": "done", "queued": "waiting", "falling_back": "falling back"}
"""What a status is called here, where it has another name."""
UNSAID = ("waiting", "loading")
"""Statuses that are no line of their own."""
VALUE_CHARS = 40


@dataclass
class Row:
    """What is known about a task."""

    name: str
    status: str = "waiting"
    model: str = ""
    seconds: float | None = None
    since: float = 0.0
    reason: str = ""
    said: tuple[str, str | None] | None = None
    """The last status that was a line of its own, with its model."""


def bars(coming: Mapping[str, tuple[int, int]]) -> Table:
    """Return a bar for each download: bytes done and bytes in all by name."""
    grid = Table.grid(padding=(0, 1))
    for name, (done, total) in coming.items():
        grid.add_row(ProgressBar(total=total, completed=done, width=20), progress(name, done, total))
    return grid


def progress(asset: str, done: int, total: int) -> str:
    """Return how far a download is, as a line."""
    return f"fetching {asset}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"


def line(id_: str, row: Row) -> str:
    """Return what is known about a task as a line."""
    text = f"{id_} {row.name}: {row.status} {row.model}".rstrip()
    text += "" if row.seconds is None else f", {row.seconds:.1f} s"
    return f"{text}. {row.reason}" if row.reason else text


def tasks_table(rows: Mapping[str, Row]) -> Table:
    """Return what is known about tasks, by id, as a table."""
    shown = table("", "task", "model", "status")
    shown.add_column("seconds", justify="right", no_wrap=True)
    for id_, row in rows.items():
        running = time.monotonic() - row.since if row.status in BUSY else None
        seconds = row.seconds if row.seconds is not None else running
        status = Text(row.status, style=STYLES.get(row.status, "dim"))
        shown.add_row(id_, row.name, row.model or "-", status, "" if seconds is None else f"{seconds:.1f}")
        if row.reason:
            shown.add_row("", "", Text(row.reason, style="dim"), "", "")
    return shown


def tree(plan: Plan, names: Mapping[str, str]) -> Tree:
    """Return a plan as a tree: every task under the last of the tasks it waits for.

    Args:
        plan: The plan.
        names: Names of files by their references.
    """
    root = Tree("Plan", guide_style="dim")
    branches: dict[str, Tree] = {}
    for task in plan.ordered():
        inputs = "".join(f"  {_input(item, names)}" for item in task.inputs)
        label = Text(f"{task.id} {task.name}").append(inputs, style="dim")
        branches[task.id] = (branches[task.dep[-1]] if task.dep else root).add(label)
    return root


def _input(item: Input, names: Mapping[str, str]) -> str:
    if item.source is not None:
        return f"{item.slot} from {item.source}"
    return f"{item.slot}: {one_line(names.get(str(item.value), str(item.value)), VALUE_CHARS)}"


def row_of(task: Task, state: State) -> Row:
    """Return what a state knows about a task."""
    result, assignment = state.results.get(task.id), state.assignments.get(task.id)
    if result is None:
        return Row(task.name, model=assignment.models[0] if assignment and assignment.models else "")
    reason = result.error.reason if result.error else ""
    status = LABELS.get(result.status, result.status)
    return Row(task.name, status, result.model or "", result.seconds, reason=reason)


def show_texts(console: Console, state: State) -> None:
    """Show the text of every result in full; a single one is the answer already."""
    several = state.plan is not None and len(state.plan.tasks) > 1
    for task, result in state.done if several else ():
        if result.output:
            console.print(f"\n{task.id} {task.name}", style="bold", highlight=False)
            console.print(result.output.text, markup=False, highlight=False, soft_wrap=True)


def show_files(console: Console, state: State) -> None:
    """Show the files that the tasks made, one path per line."""
    made = files_made(state)
    if made:
        console.print("\nFiles", style="bold")
    for name, path in made:
        console.print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)
