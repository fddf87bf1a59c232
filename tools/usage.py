"""What chat calls take: tokens and seconds, by what they were made for.

Every client that `tools.chat` makes reports its calls here. They go to whoever records in the current context; a tool
or a task that is started meanwhile inherits that context, and so do the threads of `asyncio.to_thread`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.outputs import LLMResult
from pydantic import BaseModel, ConfigDict, Field


class ChatCall(BaseModel):
    """One call of a chat model that was answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: str
    """What it was made for: `plan`, `select`, the id of a task, or `respond`."""
    model: str
    """The chat model's name, as in `HUGGINGGPT_MODEL`."""
    input_tokens: int = Field(default=0, ge=0)
    """Tokens that were read; 0 when the server does not count."""
    output_tokens: int = Field(default=0, ge=0)
    """Tokens that were written."""
    seconds: float = Field(default=0.0, ge=0)
    """Wall-clock time, with the client's own repeats."""


_recording: ContextVar[tuple[str, list[ChatCall]] | None] = ContextVar("recording", default=None)


@contextmanager
def recorded(purpose: str) -> Iterator[list[ChatCall]]:
    """Collect the chat calls that are made while the block runs.

    Args:
        purpose: What they are made for.

    Yields:
        The calls, which come in one by one.
    """
    calls: list[ChatCall] = []
    token = _recording.set((purpose, calls))
    try:
        yield calls
    finally:
        _recording.reset(token)


class UsageRecorder(AsyncCallbackHandler):
    """Reports the calls of one client.

    Args:
        model: The chat model's name.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._began: dict[UUID, float] = {}

    async def on_chat_model_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """Note when a call begins."""
        self._began[run_id] = time.monotonic()

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Report a call that was answered."""
        seconds = round(time.monotonic() - self._began.pop(run_id, time.monotonic()), 3)
        if recording := _recording.get():
            purpose, calls = recording
            tokens = _tokens(response)
            calls.append(ChatCall(purpose=purpose, model=self._model, seconds=seconds, **tokens))

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Forget a call that failed."""
        self._began.pop(run_id, None)


def _tokens(response: LLMResult) -> dict[str, int]:
    """Return the tokens as ChatCall names them, from LangChain's count or, failing that, from the provider's."""
    message = getattr(response.generations[0][0], "message", None) if response.generations else None
    # ChatOpenAI gives a streamed reply that follows a schema no `usage_metadata`.
    metadata = getattr(message, "response_metadata", {})
    counted = getattr(message, "usage_metadata", None) or metadata.get("token_usage") or {}
    names = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
    return {ours: int(counted.get(ours) or counted.get(theirs) or 0) for ours, theirs in names.items()}
