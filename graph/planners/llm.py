"""The planner that asks a chat model, checks what it wrote, and has it mended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import JsonValue

from graph.planners.llm_offer import Offer, offered
from graph.planners.llm_schema import MAX_TASKS, schema
from graph.planners.retrieval_examples import Embed
from graph.planners.wire import PlanError, UnknownTaskError, read
from graph.types import Plan, Task
from prompts import render
from tools.errors import HuggingGPTError
from tools.outputs import Artifact
from tools.structured import ask_json
from tools.tasks import TaskRow

MAX_REPAIRS = 2


async def plan(  # noqa: PLR0913 - what a chat model plans with
    chat: BaseChatModel,
    history: Sequence[BaseMessage],
    files: Sequence[Artifact],
    rows: Mapping[str, TaskRow],
    kept: Sequence[Task] = (),
    *,
    embed: Embed | None = None,
    prompt: str | None = None,
) -> Plan:
    """Ask a chat model for a plan; an invalid one goes back with what is wrong with it, at most twice.

    With an embedding model the prompt lists only task types that are relevant to the request. All are listed when one
    was missing: the model named a type that is not there, or had no task for the request.

    Args:
        chat: Any LangChain chat model; `llm_progress.telling` makes one that tells tasks while it writes them.
        history: The conversation as text, its last message being the request.
        files: The conversation's files; the only ones a plan may name.
        rows: The task types to choose from.
        kept: Finished tasks that stay in the plan and may be sources.
        embed: The embedding model; None to list all task types.
        prompt: The system prompt, with its placeholders; None for `prompts/plan.md`.

    Returns:
        A valid plan; empty when the request is conversation.

    Raises:
        PlanError: It was still invalid after the last repair.
        HuggingGPTError: The chat model could not be asked.
    """
    everything = Offer(rows)
    offer = await _relevant(str(history[-1].text), files, everything, embed)
    asking = _Asking(chat, history, files, kept, everything, prompt)
    made = await asking.plan(offer)
    if len(made.tasks) == len(kept) and len(offer.rows) < len(rows):
        made = await asking.plan(everything)
    return made


async def _relevant(request: str, files: Sequence[Artifact], everything: Offer, embed: Embed | None) -> Offer:
    """Return what is relevant to the request, or everything when that cannot be told."""
    try:
        if embed and request.strip():
            return await offered(request, files, everything.rows, embed)
    except HuggingGPTError:
        pass  # such as without the embedding model's files
    return everything


@dataclass(frozen=True)
class _Asking:
    chat: BaseChatModel
    history: Sequence[BaseMessage]
    files: Sequence[Artifact]
    kept: Sequence[Task]
    everything: Offer
    prompt: str | None

    async def plan(self, offer: Offer) -> Plan:
        repairs: list[BaseMessage] = []
        while True:
            messages = [SystemMessage(offer.prompt(self.files, self.prompt)), *self.history, *repairs]
            wire = await ask_json(self.chat, messages, schema(offer.rows.values(), self.files))
            try:
                return self._checked(wire)
            except PlanError as error:
                if len(repairs) == 2 * MAX_REPAIRS:
                    raise
                if isinstance(error, UnknownTaskError):
                    offer = self.everything
                repairs += [AIMessage(json.dumps(wire)), HumanMessage(render("repair", problem=error))]

    def _checked(self, wire: JsonValue) -> Plan:
        made = read(wire, self.files, self.kept)
        if (new := len(made.tasks) - len(self.kept)) > MAX_TASKS:
            raise PlanError(f"it has {new} tasks; use at most {MAX_TASKS}")
        return made
