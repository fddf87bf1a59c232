"""`tasks` and `models`: what the system can do, as tables."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from app import runs
from app.output import terminal
from graph.context import Context
from tools.errors import InputError
from tools.models import candidates, missing, why_none
from tools.tasks import TASKS, Slot, TaskRow, find


def tasks() -> None:
    """List the task types."""
    table = _table("task", "takes -> makes, and what it does")
    table.columns[0].no_wrap = True
    for row in TASKS.values():
        takes = ", ".join(map(_slot, row.slots))
        table.add_row(
            row.name, Text(f"{takes} -> {', '.join(row.makes)}").append(f"\n{row.about}", style="dim")
        )
    terminal().print(table)


def models(task: str | None, options: Mapping[str, Any]) -> None:
    """List the models that can do a task, or all tasks.

    Raises:
        InputError: There is no such task.
    """
    row = find(task) if task else None
    if task and row is None:
        raise InputError(f"There is no task {task!r}; `hugginggpt tasks` lists them.")
    context, table = runs.context_of(options), _table("task", "model", "license", "here")
    for each in [row] if row else TASKS.values():
        _add(table, each, context)
    terminal().print(table)
    if row and not candidates(row.name, context.model, context.mode):
        terminal().print(why_none(row.name, context.model, context.mode), markup=False, highlight=False)


def _add(table: Table, row: TaskRow, context: Context) -> None:
    found = candidates(row.name, context.model, context.mode)
    for model in found:
        lacking = missing(model)
        table.add_row(
            row.name, model.id, model.license or "-", Text(lacking or "yes", style="" if lacking else "green")
        )
    if not found:
        table.add_row(row.name, "-", "-", "no model")


def _slot(slot: Slot) -> str:
    notes: list[str] = [] if slot.name == slot.media else [slot.media]
    notes += [] if slot.required else ["optional"]
    return f"{slot.name} ({', '.join(notes)})" if notes else slot.name


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
