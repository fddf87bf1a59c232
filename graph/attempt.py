"""Attempts at one task: the assigned models in order, until one of them delivers."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from langchain_core.messages import ToolMessage

from graph.context import Context
from graph.events import DownloadEvent, TaskEvent
from graph.state import Assignment, Task, TaskError, TaskResult
from tools.artifacts import store
from tools.assets import on_progress
from tools.errors import HuggingGPTError, InputError, TransientError
from tools.hf_tools import hf_tool
from tools.outputs import SCHEME, Output

logger = logging.getLogger(__name__)

Emit = Callable[[TaskEvent | DownloadEvent], object]
BACKOFF_SECONDS = 1.0
"""Pause before the same model is asked again."""


async def attempt(
    task: Task, assignment: Assignment, sources: Mapping[str, TaskResult], context: Context, emit: Emit
) -> TaskResult:
    """Run a task with its models in order; an error that may pass is tried once more with the same model.

    Args:
        task: What to run.
        assignment: Models, best first.
        sources: Results of all tasks it depends on, each with an output.
        context: Time limit and number of attempts.
        emit: Takes an event whenever something changes.

    Returns:
        The first output, or the reasons why none of the models had one.
    """
    on_progress.set(partial(_report, emit))
    start = time.monotonic()
    queue, retried, reasons = deque(assignment.models), set[str](), list[str]()
    model: str | None = None
    while queue and len(reasons) < context.max_attempts:
        model = queue.popleft()
        emit(_running(task, model, reasons))
        outcome = await _call(task, model, sources, context)
        if isinstance(outcome, Output):
            seconds = time.monotonic() - start
            return TaskResult(output=outcome, model=model, attempts=len(reasons) + 1, seconds=seconds)
        reasons.append(f"{model}: {_sentence(outcome)}")
        if isinstance(outcome, InputError):
            break
        if isinstance(outcome, TransientError) and model not in retried:
            retried.add(model)
            queue.appendleft(model)
            await asyncio.sleep(BACKOFF_SECONDS)
    error = TaskError(reason=" ".join(dict.fromkeys(reasons)) or assignment.reason)
    return TaskResult(error=error, model=model, attempts=len(reasons), seconds=time.monotonic() - start)


def _report(emit: Emit, asset: str, done: int, total: int) -> None:
    emit(DownloadEvent(type="download", asset=asset, done=done, total=total))


async def _call(
    task: Task, model: str, sources: Mapping[str, TaskResult], context: Context
) -> Output | BaseException:
    """Call the task's tool; what it raises comes back as a value, since a sibling must not be cancelled by it."""
    (outcome,) = await asyncio.gather(_invoke(task, model, sources, context), return_exceptions=True)
    return outcome


async def _invoke(task: Task, model: str, sources: Mapping[str, TaskResult], context: Context) -> Output:
    args = await asyncio.to_thread(bind, task, sources)
    options = {
        "model": model,
        "timeout": context.task_timeout,
        "mode": context.mode,
        "device": context.device,
    }
    call = {
        "type": "tool_call",
        "id": task.id,
        "name": task.name,
        "args": {**args, **options},
    }
    message: ToolMessage = await hf_tool(task.name).ainvoke(call)
    output: Output = message.artifact
    return output


def bind(task: Task, sources: Mapping[str, TaskResult]) -> dict[str, str]:
    """Return the value of every filled slot: a text, or an artifact's reference for a media slot.

    Blocking: a text file that fills a text slot is read here.

    Raises:
        InputError: A source made no file of the medium that the slot takes.
    """
    values: dict[str, str] = {}
    for item in task.inputs:
        slot = task.row.slot(item.slot)
        media = slot.media if slot else "text"
        if item.value is not None:
            values[item.slot] = _text_file(item.value) if media == "text" else item.value
        elif item.source is not None:
            values[item.slot] = _from_source(item.source, sources[item.source], media)
    return values


def _text_file(value: str) -> str:
    if not value.startswith(SCHEME):
        return value
    return store().path(value).read_text(encoding="utf-8", errors="replace")


def _from_source(id_: str, source: TaskResult, media: str) -> str:
    if source.output is None:
        raise InputError(f"Task {id_} has no output.")
    if media == "text":
        return source.output.text
    file = next((file for file in source.output.files if file.media == media), None)
    if file is None:
        raise InputError(f"Task {id_} made no {media}.")
    return file.ref


def _running(task: Task, model: str, reasons: list[str]) -> TaskEvent:
    if not reasons:
        return TaskEvent(type="task", id=task.id, status="running", model=model)
    return TaskEvent(type="task", id=task.id, status="retrying", model=model, reason=reasons[-1])


def _sentence(error: BaseException) -> str:
    if isinstance(error, HuggingGPTError):
        return str(error)
    logger.error("An expert raised what it should not", exc_info=error)
    return f"it broke with {type(error).__name__}: {str(error).partition(chr(10))[0]}"
