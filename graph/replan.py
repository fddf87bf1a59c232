"""Replan: when tasks failed for good or the user rejected the plan, the planner learns why and plans the rest anew."""

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
from graph.meaning import FILES, understood
from graph.owners import check
from graph.plan import route as after_plan
from graph.planners import llm
from graph.planners.wire import PlanError, write
from graph.state import State
from graph.texts import aside
from graph.types import Plan, Task
from prompts import render
from tools.chat import chat_model
from tools.errors import HuggingGPTError
from tools.tasks import TASKS
from tools.usage import recorded


async def replan(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Have the chat model plan anew what failed or was rejected.

    Finished tasks keep their ids and results, and may be sources.

    Returns:
        The new plan with the results that stay; or only that no further plan is to be made, when there is none.
    """
    await check(file.ref for file in files_of(state.messages))
    kept = [task for task in _tasks(state) if not state.results[task.id].error]
    with recorded("replan") as usage:
        try:
            made = await _planned(state, context_of(runtime), kept)
        except (HuggingGPTError, PlanError) as error:
            note = f"The rest could not be planned anew: {error}"
            return {"replans": 0, "notes": [*state.notes, _told(note, runtime)], "usage": usage}
    if len(made.tasks) == len(kept):
        return {"replans": 0, "usage": usage}
    said = _rejection(state)
    note = f"{said} So another one was made." if said else _anew(state)
    return {
        "plan": made,
        "assignments": Overwrite(
            {task.id: state.assignments[task.id] for task in kept if task.id in state.assignments}
        ),
        "results": Overwrite({task.id: state.results[task.id] for task in kept}),
        "notes": [*state.notes, _told(note, runtime)],
        "replans": state.replans - 1,
        "usage": usage,
    }


def route(state: State) -> str:
    """Go on with a new plan as after the first, else to `respond`. Total and pure."""
    return after_plan(state) if state.unfinished else "respond"


def _told(note: str, runtime: Runtime[Context]) -> str:
    runtime.stream_writer(NoteEvent(type="note", text=note))
    return note


async def _planned(state: State, context: Context, kept: list[Task]) -> Plan:
    chat = await chat_model(context.model, timeout=context.chat_timeout)
    said = _rejection(state)
    why = {"reason": said} if said else {"failed": _failures(state, "\n")}
    told = render(
        "rejected" if said else "replan",
        None if said else context.replan_prompt,
        **why,
        finished="\n".join(f"- {task.id}: {task.name}" for task in kept) or "(none)",
        next=1 + max((int(task.id) for task in _tasks(state) if task.id.isdecimal()), default=-1),
    )
    request, files = await aside(str(state.conversation[-1].text), understood, state.conversation)
    history = await asyncio.to_thread(shrink, state.conversation, request)
    history += [AIMessage(json.dumps({"tasks": write(state.plan or Plan())})), HumanMessage(told)]
    return await llm.plan(chat, history, files[-FILES:], TASKS, kept, prompt=context.plan_prompt)


def _tasks(state: State) -> tuple[Task, ...]:
    return tuple(task for task in (state.plan or Plan()).tasks if task.id in state.results)


def _anew(state: State) -> str:
    return f"The rest was planned anew, since {_failures(state, ', ')}"


def _rejection(state: State) -> str | None:
    """Return why the user rejected the plan, or None when that is not why it is made anew."""
    errors = (state.results[task.id].error for task in _tasks(state))
    return next((error.reason for error in errors if error and error.kind == "rejected"), None)


def _failures(state: State, between: str) -> str:
    tried = [(task, state.results[task.id].error) for task in _tasks(state)]
    return between.join(
        f"task {task.id} ({task.name}) failed: {error.reason}" for task, error in tried if error
    )
