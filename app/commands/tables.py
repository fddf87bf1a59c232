"""`tasks` and `models`: what the system can do, as tables."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.table import Table
from rich.text import Text

from app import runs
from app.output import table, terminal
from graph.context import Context
from tools.errors import InputError
from tools.models import Model, candidates, why_none
from tools.tasks import TASKS, Slot, TaskRow, find


def tasks() -> None:
    """List the task types."""
    listed = table("task", "takes -> makes, and what it does")
    listed.columns[0].no_wrap = True
    for row in TASKS.values():
        takes = ", ".join(map(_slot, row.slots))
        listed.add_row(
            row.name, Text(f"{takes} -> {', '.join(row.makes)}").append(f"\n{row.about}", style="dim")
        )
    terminal().print(listed)


def models(task: str | None, options: Mapping[str, Any], as_json: bool = False) -> None:
    """List the models that can do a task, or all tasks, and why others cannot.

    Raises:
        InputError: There is no such task.
    """
    row = find(task) if task else None
    if task and row is None:
        raise InputError(f"There is no task {task!r}; `hugginggpt tasks` lists them.")
    context = runs.context_of(options)
    rows = [row] if row else list(TASKS.values())
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda each: _found(each, context), rows))
    if as_json:
        print(json.dumps([_record(model) for models in found for model in models]))
        return
    listed = table("task", "model", "downloads", "size", "license", "where")
    for each, some in zip(rows, found, strict=True):
        _add(listed, each, some)
    terminal().print(listed)
    if row and not any(model.ways for model in found[0]):
        reason = why_none(row.name, context.model, context.mode, context.device)
        terminal().print(reason, markup=False, highlight=False)


def _found(row: TaskRow, context: Context) -> list[Model]:
    return candidates(row.name, context.model, context.mode, context.device)


def _add(listed: Table, row: TaskRow, found: list[Model]) -> None:
    for model in found:
        downloads = f"{model.downloads:,}" if model.downloads else "-"
        size = f"{model.size / 1e6:,.0f} MB" if model.size else "-"
        listed.add_row(row.name, model.id, downloads, size, model.license or "-", _where(model))
    if not found:
        listed.add_row(row.name, "-", "-", "-", "-", "no model")


def _where(model: Model) -> Text:
    """Return where a model can run, or why it cannot."""
    if not model.ways:
        return Text(" ".join(model.obstacles) or "not in this mode")
    return Text("; ".join(way.place for way in model.ways), style="green")


def _record(model: Model) -> dict[str, Any]:
    plain = model.model_dump(mode="json", include={"id", "about", "source", "license", "downloads", "size"})
    ways = [way.place for way in model.ways]
    return {"task": model.tasks[0], **plain, "ways": ways, "obstacles": list(model.obstacles)}


def _slot(slot: Slot) -> str:
    notes: list[str] = [] if slot.name == slot.media else [slot.media]
    notes += [] if slot.required else ["optional"]
    return f"{slot.name} ({', '.join(notes)})" if notes else slot.name
