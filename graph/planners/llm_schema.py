"""The JSON schema of a plan: each task type with its own slots, and files by their names only."""

from collections.abc import Iterable, Sequence
from typing import Any

from tools.outputs import Artifact
from tools.structured import list_schema
from tools.tasks import Slot, TaskRow

MAX_TASKS = 30
"""Tasks of one plan at most."""
REFERENCE = {"type": "string", "pattern": "^<resource>-[0-9]{1,2}$"}


def schema(rows: Iterable[TaskRow], files: Sequence[Artifact]) -> dict[str, Any]:
    """Return the schema of a plan in wire form.

    Args:
        rows: The task types to choose from.
        files: The conversation's files: with references, the only values of slots for media.
    """
    made = list_schema("plan", "The tasks that answer the request.", "tasks", {})
    tasks = {"type": "array", "maxItems": MAX_TASKS, "items": {"anyOf": [_task(row, files) for row in rows]}}
    return {**made, "properties": {"tasks": tasks}}


def _task(row: TaskRow, files: Sequence[Artifact]) -> dict[str, Any]:
    args = _object(
        {slot.name: _value(slot, files) for slot in row.slots},
        [slot.name for slot in row.slots if slot.required],
    )
    parts = {"task": {"type": "string", "enum": [row.name]}, "id": {"type": "integer"}, "args": args}
    return _object(parts, list(parts))


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _value(slot: Slot, files: Sequence[Artifact]) -> dict[str, Any]:
    if slot.media == "text":
        return {"type": "string"}
    names = list(dict.fromkeys(file.name for file in files if file.media == slot.media))
    return {"anyOf": [{"type": "string", "enum": names}, REFERENCE]} if names else REFERENCE
