"""What fills the slots of a task when it runs."""

import asyncio
from collections.abc import Mapping

from graph.owners import check
from graph.types import Task, TaskResult
from tools.artifacts import store
from tools.errors import InputError
from tools.outputs import SCHEME, Media


async def bind(task: Task, sources: Mapping[str, TaskResult]) -> dict[str, str]:
    """Return the value of every filled slot: a text, or an artifact's reference for a media slot.

    Args:
        task: The task to run.
        sources: Results of all tasks it depends on.

    Raises:
        InputError: A source made no file of the medium that the slot takes, or a file is not the owner's.
    """
    made = [file.ref for source in sources.values() if source.output for file in source.output.files]
    await check([*task.refs, *made])
    values: dict[str, str] = {}
    for item in task.inputs:
        slot = task.row.slot(item.slot)
        media: Media = slot.media if slot else "text"
        if item.source is not None:
            values[item.slot] = _from_source(item.source, sources[item.source], media)
        elif item.value is not None:
            values[item.slot] = await _text(item.value) if media == "text" else item.value
    return values


async def _text(value: str) -> str:
    if not value.startswith(SCHEME):
        return value
    return await asyncio.to_thread(lambda: store().path(value).read_text(encoding="utf-8", errors="replace"))


def _from_source(id_: str, source: TaskResult, media: Media) -> str:
    if source.output is None:
        raise InputError(f"Task {id_} has no output.")
    if media == "text":
        return source.output.text
    file = source.output.file(media)
    if file is None:
        raise InputError(f"Task {id_} made no {media}.")
    return file.ref
