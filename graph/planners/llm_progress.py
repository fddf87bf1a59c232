"""A plan as it is being written: every task is told as soon as the chat model has finished it."""

import json
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk, LLMResult
from langchain_core.utils.json import parse_partial_json

from graph.events import PlanEvent
from graph.planners.wire_inputs import TOKEN

Tell = Callable[[PlanEvent], None]


def telling(chat: BaseChatModel, tell: Tell) -> BaseChatModel:
    """Return the chat model so that it tells the tasks of the plans it writes.

    Whether the reply is streamed is decided by who asks: in a graph, by the stream mode `messages`. A reply that
    comes whole is told whole.

    Args:
        chat: Any LangChain chat model; it is not changed.
        tell: Takes the events.
    """
    known = chat.callbacks if isinstance(chat.callbacks, list) else []
    return chat.model_copy(update={"callbacks": [*known, _Progress(tell)]})


class _Progress(AsyncCallbackHandler):
    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._text, self._told = "", 0

    async def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self._text, self._told = "", 0

    async def on_llm_new_token(
        self, token: Any, *, chunk: GenerationChunk | ChatGenerationChunk | None = None, **_: Any
    ) -> None:
        piece = _piece(getattr(chunk, "message", None))
        self._text += piece
        if "{" in piece:
            self._told_until(len(_tasks(self._text)) - 1)

    async def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        if not self._text and response.generations:
            self._text = _piece(getattr(response.generations[0][0], "message", None))
        self._told_until(len(_tasks(self._text)))

    def _told_until(self, count: int) -> None:
        """Tell the tasks up to that number; the last one of an unfinished reply still grows."""
        for number, task in list(enumerate(_tasks(self._text)))[self._told : max(count, 0)]:
            self._tell(_event(number, task))
            self._told = number + 1


def _piece(message: Any) -> str:
    """Return the text of a message or, where it calls a tool, the arguments."""
    calls = [*getattr(message, "tool_call_chunks", ()), *getattr(message, "tool_calls", ())]
    args = [call["args"] for call in calls if call["args"]]
    written = [one if isinstance(one, str) else json.dumps(one) for one in args]
    return "".join(written[:1]) or str(getattr(message, "text", ""))


def _tasks(text: str) -> list[dict[str, Any]]:
    """Return the tasks of a reply that may have only begun."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    try:
        plan = parse_partial_json(text[min(starts, default=len(text)) :].rstrip("` \n"))
    except (ValueError, RecursionError):
        return []
    tasks = plan.get("tasks") if isinstance(plan, dict) else plan
    listed = tasks if isinstance(tasks, list) else []
    return [task for task in listed if isinstance(task, dict)]


def _event(number: int, task: dict[str, Any]) -> PlanEvent:
    return PlanEvent(
        type="plan",
        number=number,
        id=str(task.get("id", number)),
        name=str(task.get("task", "")),
        sources=TOKEN.findall(json.dumps(task.get("args", {}), ensure_ascii=False)),
    )
