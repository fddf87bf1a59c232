"""Plan: the request becomes a graph of tasks."""

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableLambda
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from graph.context import Context, context_of
from graph.events import NoteEvent
from graph.files import files_of
from graph.history import shrink
from graph.kept import turn_of
from graph.meaning import FILES, earlier_results, files_meant, understood
from graph.owners import check
from graph.planners import llm, retrieval
from graph.planners.llm_progress import telling
from graph.planners.wire import PlanError
from graph.state import State
from graph.texts import aside
from graph.types import Plan
from graph.uploads import taken_in
from tools import llama
from tools.assets import is_cached
from tools.chat import EMBEDDED, chat_model
from tools.errors import InputError, ModelError
from tools.experts import workers
from tools.experts.embedder import ASSET, embed
from tools.results import forget
from tools.tasks import TASKS
from tools.tracing import current
from tools.usage import recorded


async def plan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Plan the last message of the conversation.

    Returns:
        The plan, with everything of the turn before cleared; a plan without tasks means conversation. Messages whose
        files were moved to the artifact store, so that no later checkpoint holds their bytes.

    Raises:
        InputError: The request is empty, has a file that cannot be used, or needs one that was not given.
        SetupError: The chat model that plans cannot be reached as it is configured.
    """
    given, context = state.conversation, context_of(runtime)
    messages = await _taken_in(given)
    state = state.model_copy(update={"messages": messages})
    _prepare(context)
    notes: list[str] = []
    with recorded("plan") as usage:
        made, _ = await asyncio.gather(_made(state, runtime, notes), _forget(runtime))
    await check(ref for task in made.tasks for ref in task.refs)
    for note in notes:
        runtime.stream_writer(NoteEvent(type="note", text=note))
    rewritten = [new for old, new in zip(given, messages, strict=True) if new is not old]
    return {
        "plan": made,
        "notes": notes,
        "replans": context.max_replans if context.uses_llm_planner else 0,
        "approve": context.approve,
        "edit": None,
        # The reducers of these merge: only Overwrite clears what the turn before left there.
        "assignments": Overwrite({}),
        "results": Overwrite({}),
        "usage": Overwrite(usage),
        **({"messages": rewritten} if rewritten else {}),
    }


async def _taken_in(given: Sequence[AnyMessage]) -> list[AnyMessage]:
    """Return the conversation with its files in the store; refuse one that asks for nothing."""
    messages = await taken_in(given)
    await check(file.ref for file in files_of(messages))
    asked = messages[-1:]
    if not any(str(message.text).strip() for message in asked) and not files_of(asked):
        raise InputError("The request is empty: say what you want to have done.")
    return messages


def _prepare(context: Context) -> None:
    """Start what most tasks need while the plan is being made."""
    workers.warm()
    if context.model == EMBEDDED:
        llama.warm()


async def _forget(runtime: Runtime[Context]) -> None:
    """Forget what was kept for the turn before."""
    if runtime.execution_info and runtime.execution_info.thread_id:
        await asyncio.to_thread(forget, turn_of(runtime.execution_info))


def route(state: State) -> str:
    """Go on to `select`, first to `approve` if wanted, or to `respond` with nothing to run. Total and pure."""
    if not (state.plan and state.plan.tasks):
        return "respond"
    return "approve" if state.approve == "plan" else "select"


async def _made(state: State, runtime: Runtime[Context], notes: list[str]) -> Plan:
    by_model = context_of(runtime).uses_llm_planner
    made = await _by_chat_model(state, runtime, notes) if by_model else None
    return made or await _by_retrieval(state)


async def _by_chat_model(state: State, runtime: Runtime[Context], notes: list[str]) -> Plan | None:
    """Return the chat model's plan, or None with a note when it has no usable one."""
    context = context_of(runtime)
    chat = telling(await chat_model(context.model, timeout=context.chat_timeout), runtime.stream_writer)
    request, files = await aside(str(state.messages[-1].text), understood, state.messages)
    history = await asyncio.to_thread(shrink, state.messages, request)
    # A shorter prompt is not worth fetching a model for.
    near = embed if await asyncio.to_thread(is_cached, ASSET) else None
    try:
        return await llm.plan(chat, history, files[-FILES:], TASKS, embed=near, prompt=context.plan_prompt)
    except PlanError as error:
        notes.append(f"{context.model} gave no usable plan ({error}), so the retrieval planner made it.")
    except ModelError as error:
        notes.append(f"{error} The retrieval planner made the plan instead.")
    return None


async def _by_retrieval(state: State) -> Plan:
    request, files = await aside(str(state.messages[-1].text), understood, state.messages)
    meant, earlier = files_meant(request, files, state.messages), earlier_results(state.messages[:-1])

    async def planned(request: str) -> Plan:
        return await retrieval.plan(request, meant, TASKS, embed, earlier)

    if current() is None:
        return await planned(request)
    # As a step of its own, whoever traces the run sees which planner was asked.
    return await RunnableLambda(planned, name="retrieval planner").ainvoke(request)
