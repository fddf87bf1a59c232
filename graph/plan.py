"""Plan: the request becomes a graph of tasks."""

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from graph.context import Context, context_of
from graph.events import NoteEvent
from graph.files import as_text, files_of
from graph.planners import llm, retrieval
from graph.planners.llm_progress import telling
from graph.planners.wire import PlanError
from graph.state import Plan, State
from tools.artifacts import store
from tools.assets import is_cached
from tools.chat import chat_model
from tools.errors import InputError, ModelError
from tools.experts.embedder import ASSET, embed
from tools.outputs import Artifact
from tools.tasks import TASKS

HISTORY = 8
"""Messages of the conversation that the planner reads."""


async def plan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plan the last message of the conversation.

    Returns:
        The plan, with everything of the turn before cleared; a plan without tasks means conversation.

    Raises:
        InputError: The request is empty, or needs a file that was not given.
        SetupError: The chat model that plans cannot be reached as it is configured.
    """
    if not state.messages or not (str(state.messages[-1].text).strip() or files_of(state.messages[-1:])):
        raise InputError("The request is empty: say what you want to have done.")
    context = context_of(runtime)
    notes: list[str] = []
    made = await _by_chat_model(state, runtime, notes) if context.uses_llm_planner else None
    made = made or await _by_retrieval(state)
    for note in notes:
        runtime.stream_writer(NoteEvent(type="note", text=note))
    # The reducer of `results` merges: only Overwrite clears what the turn before left there.
    return {"plan": made, "assignments": {}, "results": Overwrite({}), "notes": notes}


def route(state: State) -> str:
    """Go on to `select`, or straight to `respond` when there is nothing to run. Total and pure."""
    return "select" if state.plan and state.plan.tasks else "respond"


async def _by_chat_model(state: State, runtime: Runtime[Context], notes: list[str]) -> Plan | None:
    """Return the chat model's plan, or None with a note when it has no usable one."""
    context = context_of(runtime)
    chat = telling(await chat_model(context.model, timeout=context.chat_timeout), runtime.stream_writer)
    history = [as_text(message) for message in state.messages[-HISTORY:]]
    # A shorter prompt is not worth fetching a model for.
    near = embed if await asyncio.to_thread(is_cached, ASSET) else None
    try:
        return await llm.plan(chat, history, files_of(state.messages), TASKS, embed=near)
    except PlanError as error:
        notes.append(f"{context.model} gave no usable plan ({error}), so the retrieval planner made it.")
    except ModelError as error:
        notes.append(f"{error} The retrieval planner made the plan instead.")
    return None


async def _by_retrieval(state: State) -> Plan:
    request = str(state.messages[-1].text)
    earlier = await asyncio.to_thread(earlier_results, state.messages[:-1])
    return await retrieval.plan(request, files_meant(request, state.messages), TASKS, embed, earlier)


def files_meant(request: str, messages: Sequence[BaseMessage]) -> list[Artifact]:
    """Return the files a request is about: those that came with it or that it names, else the latest of each medium.

    Args:
        request: The last message's text.
        messages: The conversation. Texts that tasks made are left out: they are `earlier_results`.
    """
    came = files_of(messages[-1:])
    earlier = [file for file in files_of(messages[:-1]) if not _task_of(file)]
    named = [file for file in earlier if file.name in request and file not in came]
    if came or named:
        return [*named, *came]
    return list({file.media: file for file in earlier}.values())


def earlier_results(messages: Sequence[BaseMessage]) -> list[retrieval.Earlier]:
    """Return the texts that tasks of earlier turns made, oldest first. Blocking: reads the artifact store."""
    made = [(name, file) for file in files_of(messages[-HISTORY:]) if (name := _task_of(file))]
    return [
        retrieval.Earlier(name, store().path(file.ref).read_text(encoding="utf-8")) for name, file in made
    ]


def _task_of(file: Artifact) -> str | None:
    """Return the task type that made a text, which `respond` names after it; None for any other file."""
    name = file.name.removesuffix(".txt").rpartition("-")[0]
    return name if file.media == "text" and name in TASKS else None
