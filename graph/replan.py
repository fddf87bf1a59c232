"""Replan: when tasks failed for good, the planner learns why and may plan the rest in another way."""

import asyncio
import json
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from graph.context import Context, context_of
from graph.events import NoteEvent
from graph.files import files_of
from graph.history import shrink
from graph.owners import check
from graph.plan import FILES, understood
from graph.planners import llm
from graph.planners.wire import PlanError, write
from graph.state import Plan, State, Task
from prompts import render
from tools.chat import chat_model
from tools.errors import HuggingGPTError
from tools.tasks import TASKS


async def replan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Have the chat model plan anew what failed; finished tasks keep their ids and results, and may be sources.

    Returns:
        The new plan with the results that stay; or only that no further plan is to be made, when there is none.
    """
    await check(file.ref for file in files_of(state.messages))
    kept = [task for task in _tasks(state) if not state.results[task.id].error]
    try:
        made = await _planned(state, context_of(runtime), kept)
    except (HuggingGPTError, PlanError) as error:
        note = f"The rest could not be planned anew: {error}"
        return {"replans": 0, "notes": [*state.notes, _told(note, runtime)]}
    if len(made.tasks) == len(kept):
        return {"replans": 0}
    note = _told(f"The rest was planned anew, since {_failures(state, ', ')}", runtime)
    return {
        "plan": made,
        "results": Overwrite({task.id: state.results[task.id] for task in kept}),
        "notes": [*state.notes, note],
        "replans": state.replans - 1,
    }


def route(state: State) -> str:
    """Go on to `select` with a new plan, else to `respond`. Total and pure."""
    return "select" if state.unfinished else "respond"


def _told(note: str, runtime: Runtime[Context]) -> str:
    runtime.stream_writer(NoteEvent(type="note", text=note))
    return note


async def _planned(state: State, context: Context, kept: list[Task]) -> Plan:
    chat = await chat_model(context.model, timeout=context.chat_timeout)
    told = render(
        "replan",
        failed=_failures(state, "\n"),
        finished="\n".join(f"- {task.id}: {task.name}" for task in kept) or "(none)",
        next=1 + max((int(task.id) for task in _tasks(state) if task.id.isdecimal()), default=-1),
    )
    request, files = understood(state.messages)
    history = await asyncio.to_thread(shrink, state.messages, request)
    history += [AIMessage(json.dumps({"tasks": write(state.plan or Plan())})), HumanMessage(told)]
    return await llm.plan(chat, history, files[-FILES:], TASKS, kept)


def _tasks(state: State) -> tuple[Task, ...]:
    return tuple(task for task in (state.plan or Plan()).tasks if task.id in state.results)


def _failures(state: State, between: str) -> str:
    tried = [(task, state.results[task.id].error) for task in _tasks(state)]
    return between.join(
        f"task {task.id} ({task.name}) failed: {error.reason}" for task, error in tried if error
    )
