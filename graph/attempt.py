"""Attempts at one task: the assigned models in order, until one of them delivers."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from graph.context import Context
from graph.events import TaskEvent, TaskStatus
from graph.inputs import bind
from graph.owners import check_model
from graph.types import Assignment, ErrorKind, Task, TaskError, TaskResult
from tools.assets import on_progress
from tools.errors import (
    HuggingGPTError,
    InputError,
    ModelError,
    RateLimitError,
    SetupError,
    TimeLimitError,
    TransientError,
)
from tools.hf_tools import hf_tool
from tools.outputs import Output
from tools.result_cache import cache, cache_key, cached

logger = logging.getLogger(__name__)

Emit = Callable[[TaskEvent], object]
BACKOFF_SECONDS = 1.0
"""Pause before the same model is asked again, on average; twice as long every further time."""
MAX_BACKOFF_SECONDS = 30.0
KINDS: dict[type[BaseException], ErrorKind] = {
    InputError: "input",
    SetupError: "setup",
    TransientError: "transient",
    ModelError: "model",
}
"""What kind of failure an exception is; the first that fits."""


@dataclass
class _Attempts:
    """What has been tried so far."""

    task: Task
    emit: Emit
    waiting: deque[str]
    """Models that were not asked yet, best first."""
    model: str | None = None
    reasons: list[str] = field(default_factory=list)
    """Why each call failed."""
    calls: int = 0
    """Calls of the present model."""
    kind: ErrorKind = "setup"
    passes: bool = False
    """Whether the last failure may be over after a pause; a rest that was asked for and a time limit are not."""

    def next(self) -> bool:
        """Turn to the next model, if there is one."""
        if not self.waiting:
            return False
        self.model, self.calls = self.waiting.popleft(), 0
        self.tell("falling_back" if self.reasons else "running")
        return True

    def tell(self, status: TaskStatus) -> None:
        event = TaskEvent(
            type="task",
            id=self.task.id,
            name=self.task.name,
            status=status,
            model=self.model,
            attempt=len(self.reasons) + 1,
        )
        if self.reasons and status != "running":
            event["reason"] = self.reasons[-1]
        self.emit(event)

    def loading(self, asset: str, done: int, total: int) -> None:
        """Report bytes of the model's files; called from any thread."""
        event = TaskEvent(
            type="task", id=self.task.id, name=self.task.name, status="loading", model=self.model
        )
        event.update({"asset": asset, "done": done, "total": total})
        self.emit(event)
        if done >= total:
            self.tell("running")

    def failed(self, error: BaseException) -> None:
        self.calls += 1
        self.reasons.append(f"{self.model}: {_sentence(error)}")
        self.passes = isinstance(error, TransientError) and not isinstance(
            error, RateLimitError | TimeLimitError
        )
        self.kind = next((kind for type_, kind in KINDS.items() if isinstance(error, type_)), "internal")

    @property
    def may_retry(self) -> bool:
        """Whether the present model is asked again: once, or until the end when there is no other."""
        return self.passes and (self.calls == 1 or not self.waiting)


async def attempt(
    task: Task, assignment: Assignment, sources: Mapping[str, TaskResult], context: Context, emit: Emit
) -> TaskResult:
    """Run a task with its models in order; after an error that may pass, the same model is asked again first.

    Args:
        task: What to run.
        assignment: Models, best first.
        sources: Results of all tasks it depends on, each with an output.
        context: Time limit and number of attempts.
        emit: Takes an event whenever something changes.

    Returns:
        The first output, or the reasons why none of the models had one.

    Raises:
        GraphBubbleUp: The task interrupts the graph to ask the user something.
    """
    start = time.monotonic()
    tried = _Attempts(task, emit, deque(assignment.models))
    on_progress.set(tried.loading)
    going = tried.next()
    while going and tried.model:
        outcome = await _call(task, tried.model, sources, context, len(tried.reasons) + 1)
        if isinstance(outcome, Output):
            seconds = round(time.monotonic() - start, 3)
            done = {"output": outcome, "model": tried.model, "failures": tuple(tried.reasons)}
            return TaskResult(**done, attempts=len(tried.reasons) + 1, seconds=seconds)
        tried.failed(outcome)
        going = await _goes_on(tried, context.max_attempts)
    error = TaskError(reason=" ".join(dict.fromkeys(tried.reasons)) or assignment.reason, kind=tried.kind)
    return TaskResult(
        error=error,
        model=tried.model,
        attempts=len(tried.reasons),
        seconds=round(time.monotonic() - start, 3),
    )


async def _goes_on(tried: _Attempts, max_attempts: int) -> bool:
    """Decide what comes after a failure, and pause before a retry."""
    if tried.kind == "input" or len(tried.reasons) >= max_attempts:
        return False
    if not tried.may_retry:
        return tried.next()
    tried.tell("retrying")
    await asyncio.sleep(pause(tried.calls))
    return True


def pause(retry: int) -> float:
    """Return the seconds before a retry, counted from 1: exponential, and random so that tasks spread out."""
    mean = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2.0 ** (retry - 1))
    return mean * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


async def _call(
    task: Task, model: str, sources: Mapping[str, TaskResult], context: Context, number: int
) -> Output | BaseException:
    """Call the task's tool; what it raises comes back as a value, since a sibling must not be cancelled by it."""
    (outcome,) = await asyncio.gather(_invoke(task, model, sources, context, number), return_exceptions=True)
    if isinstance(outcome, GraphBubbleUp):
        raise outcome
    return outcome


async def _invoke(
    task: Task, model: str, sources: Mapping[str, TaskResult], context: Context, number: int
) -> Output:
    check_model(model)
    args = await bind(task, sources)
    key = await asyncio.to_thread(cache_key, task.name, model, args) if context.cache_results else None
    if key and (found := await asyncio.to_thread(cached, key)):
        return found
    output = await _tool(task, model, args, context, number)
    if key:
        await asyncio.to_thread(cache, key, output)
    return output


async def _tool(task: Task, model: str, args: Mapping[str, str], context: Context, number: int) -> Output:
    options = {
        "model": model,
        "timeout": context.task_timeout,
        "mode": context.mode,
        "device": context.device,
    }
    call = {"type": "tool_call", "id": task.id, "name": task.name, "args": {**args, **options}}
    # How whoever traces the run sees this call.
    facts = {"task": task.name, "task_id": task.id, "model": model, "attempt": number}
    config: RunnableConfig = {"run_name": f"{task.name} {task.id}", "tags": [task.name], "metadata": facts}
    message: ToolMessage = await hf_tool(task.name).ainvoke(call, config)
    output: Output = message.artifact
    return output


def _sentence(error: BaseException) -> str:
    if isinstance(error, HuggingGPTError):
        return str(error)
    logger.error("An expert raised what it should not", exc_info=error)
    return f"it broke with {type(error).__name__}: {str(error).partition(chr(10))[0]}"
