"""The paper's wire form of a plan, read and written.

`[{"task": "translation", "id": 1, "dep": [0], "args": {"text": "<resource>-0"}}]`, after Shen et al., 2023
(arXiv 2303.17580). The original code writes `<GENERATED>-0` for the same thing and `"dep": [-1]` for none.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue, ValidationError

from graph.state import Input, Plan, Task
from tools.outputs import Artifact, Media
from tools.tasks import Slot, TaskRow, find

REFERENCE = re.compile(r"^\s*<(?:resource|GENERATED)>-([A-Za-z0-9_-]+)\s*$")


class PlanError(ValueError):
    """What was read is not a plan; the message tells the model that wrote it what to mend."""


def write(plan: Plan) -> list[dict[str, Any]]:
    """Return a plan in wire form; ids that are numbers are written as numbers."""
    return [
        {
            "task": task.name,
            "id": _id(task.id),
            "dep": [_id(id_) for id_ in task.dep] or [-1],
            "args": {item.slot: _reference(item) for item in task.inputs},
        }
        for task in plan.tasks
    ]


def _reference(item: Input) -> str:
    return f"<resource>-{item.source}" if item.source is not None else str(item.value)


def _id(id_: str) -> int | str:
    return int(id_) if id_.isdecimal() else id_


def read(wire: JsonValue, files: Sequence[Artifact] = (), kept: Sequence[Task] = ()) -> Plan:
    """Return the plan that was written in wire form.

    Args:
        wire: The decoded JSON: a list of tasks, or an object with that list as `tasks`.
        files: The conversation's files; a media slot takes nothing but the name or reference of one of them.
        kept: Finished tasks of an earlier plan. They come first in the new one, may be sources, and are not read again.

    Raises:
        PlanError: with a sentence about the first thing that is wrong.
    """
    items = wire.get("tasks") if isinstance(wire, dict) else wire
    if not isinstance(items, list):
        raise PlanError("a plan is a list of tasks")
    tasks = [_task(item, number, files) for number, item in enumerate(items)]
    names = {(task.id, task.name) for task in kept}
    try:
        return Plan(tasks=(*kept, *(task for task in tasks if (task.id, task.name) not in names)))
    except ValidationError as error:
        raise PlanError(_first(error)) from None


def _task(item: JsonValue, number: int, files: Sequence[Artifact]) -> Task:
    if not isinstance(item, dict):
        raise PlanError(f"task {number} is not an object")
    row = find(str(item.get("task", "")))
    if row is None:
        raise PlanError(f"task {number}: there is no task type {item.get('task')!r}")
    args = item.get("args", {})
    if not isinstance(args, dict):
        raise PlanError(f"task {number}: `args` is not an object")
    id_ = str(item.get("id", number))
    try:
        inputs = tuple(_input(row, slot, value, files) for slot, value in _slots(row, args).items())
        return Task(id=id_, name=row.name, inputs=inputs)
    except ValidationError as error:
        raise PlanError(_first(error)) from None


def _slots(row: TaskRow, args: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return the arguments by slot; a name that is no slot goes to the first empty slot that takes its medium.

    The original names every argument after its medium: the question of a picture is its `text`.
    """
    given = {name: _text(value) for name, value in args.items() if value is not None and value != ""}
    slots = {name: value for name, value in given.items() if row.slot(name)}
    for name in [name for name in given if not row.slot(name)]:
        empty = [slot.name for slot in row.slots if slot.name not in slots and _takes(slot, name)]
        slots[empty[0] if empty else name] = given[name]
    return slots


def _takes(slot: Slot, name: str) -> bool:
    media: dict[str, Media] = {"document": "image", "url": "image"}
    return slot.media == media.get(name, name)


def _text(value: JsonValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _input(row: TaskRow, name: str, value: str, files: Sequence[Artifact]) -> Input:
    if match := REFERENCE.match(value):
        return Input(slot=name, source=match[1])
    slot = row.slot(name)
    named = [file for file in files if value in (file.name, file.ref)]
    if slot is None or (slot.media == "text" and not named):
        return Input(slot=name, value=value)
    fitting = [file for file in named if slot.media in ("text", file.media)]
    if fitting:
        return Input(slot=name, value=fitting[-1].ref)
    offered = [file.name for file in files if file.media == slot.media]
    raise PlanError(
        f"{row.name}: slot {name!r} takes {slot.media}; {value!r} is not one of the {slot.media} files {offered} "
        "and not a reference such as <resource>-0"
    )


def _first(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
