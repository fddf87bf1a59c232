"""The paper's wire form of a plan, read and written.

`[{"task": "translation", "id": 1, "dep": [0], "args": {"text": "<resource>-0"}}]`, after Shen et al., 2023
(arXiv 2303.17580). The original code writes `<GENERATED>-0` for the same thing and `"dep": [-1]` for none.

What can mean only one thing is read as that; nothing is added that was not written. The rest is an error for the model.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Any, cast

import json_repair
from pydantic import JsonValue, ValidationError

from graph.planners.wire_ids import Ids, scalar
from graph.planners.wire_inputs import Written, inputs
from graph.planners.wire_problems import PlanError, UnknownTaskError, shown
from graph.types import Input, Plan, Task
from tools.outputs import Artifact
from tools.tasks import TASKS, TaskRow, find

__all__ = ["PlanError", "UnknownTaskError", "read", "write"]

NEAR = 0.75
"""How alike each word of a name must be to a task type's, as difflib counts; `audio` and `video` are 0.4 alike."""


def write(plan: Plan, generated: str = "<resource>") -> list[dict[str, Any]]:
    """Return a plan in wire form; ids that are numbers are written as numbers.

    Args:
        plan: The plan.
        generated: What a reference to another task's output begins with; `<GENERATED>` in the original code.
    """
    return [
        {
            "task": task.name,
            "id": _id(task.id),
            "dep": [_id(id_) for id_ in task.dep] or [-1],
            "args": {item.slot: _reference(item, generated) for item in task.inputs},
        }
        for task in plan.tasks
    ]


def _reference(item: Input, generated: str) -> str:
    return f"{generated}-{item.source}" if item.source is not None else str(item.value)


def _id(id_: str) -> int | str:
    return int(id_) if re.fullmatch(r"0|[1-9]\d*", id_) else id_


def read(wire: JsonValue, files: Sequence[Artifact] = (), kept: Sequence[Task] = ()) -> Plan:
    """Return the plan that was written in wire form.

    Args:
        wire: A list of tasks, or an object with that list as `tasks`, decoded or as text that has the JSON in it,
            sloppy or cut off as it may be.
        files: The conversation's files; a media slot takes nothing but the name or reference of one of them.
        kept: Finished tasks of an earlier plan. They come first in the new one, may be sources, and are not read again.

    Raises:
        PlanError: with a sentence about the first thing that is wrong.
    """
    finished = {(task.id, task.name) for task in kept}
    tasks = [_written(item, number) for number, item in enumerate(_items(_decoded(wire)))]
    tasks = [task for task in tasks if (task.id, task.row.name) not in finished]
    ids = Ids([task.id for task in tasks], [task.id for task in kept])
    rows = {**{task.id: task.row for task in kept}, **dict(zip(ids.own, (t.row for t in tasks), strict=True))}
    try:
        made = [
            Task(id=id_, name=task.row.name, inputs=inputs(task, id_, ids, rows, files))
            for id_, task in zip(ids.own, tasks, strict=True)
        ]
        return Plan(tasks=(*kept, *made))
    except ValidationError as error:
        raise PlanError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


def _decoded(wire: JsonValue) -> JsonValue:
    if not isinstance(wire, str):
        return wire
    try:
        return cast(JsonValue, json_repair.loads(wire))
    except RecursionError:
        raise PlanError("the JSON is nested too deeply for a plan") from None


def _items(wire: JsonValue) -> list[JsonValue]:
    """Return the list of tasks; the longest one where a text had several pieces of JSON."""
    found = _listed(wire)
    if found is None and isinstance(wire, list):
        found = max((one for one in map(_listed, wire) if one is not None), key=len, default=None)
    if found is None:
        raise PlanError(
            'a plan is a list of tasks, such as {"tasks": [{"task": "summarization", "id": 0, ...}]}'
        )
    return found


def _listed(value: JsonValue) -> list[JsonValue] | None:
    """Return the list of tasks that a value is, has as its only one or as `tasks`, or a single task as a list."""
    if isinstance(value, dict) and "task" in value:
        return [value]
    if isinstance(value, dict):
        lists = [value["tasks"]] if "tasks" in value else list(value.values())
        return lists[0] if len(lists) == 1 and isinstance(lists[0], list) else None
    if isinstance(value, list) and (
        not value or any(isinstance(one, dict) and "task" in one for one in value)
    ):
        return value
    return None


def _written(item: JsonValue, number: int) -> Written:
    if not isinstance(item, dict):
        raise PlanError(f"task {number} is not an object but {shown(item)}")
    name, args = item.get("task"), item.get("args") or {}
    row = _row(name) if isinstance(name, str) else None
    if row is None:
        raise UnknownTaskError(f"task {number}: there is no task type {shown(name)}")
    if not isinstance(args, dict):
        raise PlanError(f"task {number}: `args` is not an object of slots and values but {shown(args)}")
    return Written(row, scalar(item.get("id")) or "", args, item.get("dep"))


def _row(name: str) -> TaskRow | None:
    """Return the row of that name or alias, else the nearest one of those that are alike word by word."""
    if row := find(name):
        return row
    asked = [word for word in re.split(r"[\s_-]+", name.strip().lower()[:64]) if word not in ("", "task")]
    alike = {
        row.name: max(_likeness(asked, known.split("-")) for known in (row.name, *row.aliases))
        for row in TASKS.values()
    }
    nearest = max(alike, key=lambda row: alike[row])
    return TASKS[nearest] if alike[nearest] >= NEAR else None


def _likeness(asked: list[str], known: list[str]) -> float:
    """Return how alike the least alike of the words are, 0 to 1; 0 for another number of words."""
    if len(asked) != len(known):
        return 0.0
    return min(difflib.SequenceMatcher(None, *pair).ratio() for pair in zip(asked, known, strict=True))
