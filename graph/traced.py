"""The run of a task in LangSmith: named after the task, with the model that did it and the media that went through."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from graph.types import Task, TaskResult
from tools.artifacts import store
from tools.errors import HuggingGPTError
from tools.outputs import SCHEME
from tools.settings import settings
from tools.sniff import HEAD, sniff
from tools.trace_client import delivers, hides
from tools.tracing import current, note

if TYPE_CHECKING:
    from langsmith import RunTree
    from langsmith.schemas import Attachments

NODE = "execute"
MB = 1_000_000
Media = tuple[str, str]
"""Name, in which LangSmith takes no dot, and reference of a file."""


def begun(task: Task) -> "RunTree | None":
    """Name the node's run after its task.

    Returns:
        The run, or None when nothing is traced.
    """
    run = current()
    if run is None or run.name != NODE:
        return None
    run.name = f"{NODE} {task.name} {task.id}"
    run.tags = [*(run.tags or ()), task.name]
    note(run, task=task.name, task_id=task.id)
    return run


async def ended(run: "RunTree", task: Task, sources: Mapping[str, TaskResult], result: TaskResult) -> None:
    """Tell a task's run how it ended, with its media up to `HUGGINGGPT_TRACE_ATTACHMENT_MB` in all.

    The run of a task that failed has failed; that of one that was skipped has not.
    """
    engine = result.output.by or None if result.output else None
    note(run, status=result.status, model=result.model, engine=engine, attempts=result.attempts)
    if result.error and result.status == "failed":
        run.error = result.error.reason
    limit = int(settings().trace_attachment_mb * MB)
    if limit and delivers():
        media = [
            # Those of a task that has no output may not be its owner's.
            *(_given(task, sources) if result.output and not hides(run.client, "inputs") else ()),
            *([] if hides(run.client, "outputs") else _made(result)),
        ]
        run.attachments = await asyncio.to_thread(_attachments, media, limit)


def _given(task: Task, sources: Mapping[str, TaskResult]) -> Iterator[Media]:
    for item in task.inputs:
        slot, source = task.row.slot(item.slot), sources.get(item.source or "")
        if item.value and item.value.startswith(SCHEME):
            yield item.slot, item.value
        elif slot and source and source.output and (file := source.output.file(slot.media)):
            yield item.slot, file.ref


def _made(result: TaskResult) -> Iterator[Media]:
    files = result.output.files if result.output else ()
    return ((f"output {number}", file.ref) for number, file in enumerate(files, 1))


def _attachments(media: Sequence[Media], limit: int) -> "Attachments":
    """Read files of the store, as many as fit into a number of bytes; the others stay references."""
    from langsmith.schemas import Attachment

    found: Attachments = {}
    for name, ref in media:
        # A trace is no reason for a task to fail: what cannot be read is left out.
        with suppress(HuggingGPTError, OSError):
            if (size := store().size(ref)) <= limit:
                data = store().path(ref).read_bytes()
                found[name] = Attachment(sniff(data[:HEAD], name).mime, data)
                limit -= size
    return found
