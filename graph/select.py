"""Select: a model for every task, from the candidates that can run here."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.runtime import Runtime
from langgraph.types import Send
from pydantic import JsonValue

from graph.context import Context, context_of
from graph.events import NoteEvent
from graph.execute import sends
from graph.files import as_text
from graph.state import State
from graph.types import Assignment, Plan, Task
from prompts import render
from tools.chat import EMBEDDED, chat_model
from tools.errors import HuggingGPTError
from tools.experts.embedder import embed
from tools.models import Model, find, shortlist, why_none
from tools.models.parts import lacks
from tools.models.rank import by_place, ranked
from tools.structured import ask_json, list_schema
from tools.usage import recorded

Shortlists = dict[str, list[Model]]
"""Candidates by task id, best first."""
WIDE = 3
"""How many times as many candidates as are kept are looked at."""
Choice = tuple[str, str]
"""Model id and reason."""
Choices = dict[str, Choice]
"""By task id."""


async def select(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Assign models to all tasks of the plan in one call; no call where no task has two candidates.

    A task that has models which can do it keeps them: the user, or an earlier plan, chose them.

    Returns:
        `{"assignments": {task id: assignment}}`, what the user should know of it, and the chat calls made.
    """
    context = context_of(runtime)
    kept = await _kept(state, context)
    tasks = [task for task in (state.plan or Plan()).tasks if task.id not in kept]
    shortlists = await _shortlists(state, tasks, context)
    chosen: Choices = {}
    with recorded("select") as usage:
        if context.model != EMBEDDED and any(len(models) > 1 for models in shortlists.values()):
            chosen = await _ranked(state, context, shortlists)
    lacking = [task for task in tasks if not shortlists[task.id]]
    reasons = await asyncio.gather(*(asyncio.to_thread(_why_none, task, context) for task in lacking))
    assignments = {
        **kept,
        **{id_: _assign(models, chosen.get(id_)) for id_, models in shortlists.items() if models},
        **{task.id: Assignment(reason=reason) for task, reason in zip(lacking, reasons, strict=True)},
    }
    notes = await _notes(state, shortlists, context)
    for note in notes:
        runtime.stream_writer(NoteEvent(type="note", text=note))
    return {"assignments": assignments, "notes": [*state.notes, *notes], "usage": usage}


def route(state: State) -> list[Send] | str:
    """Send all tasks to `execute`, or to `approve` first if the user wants to see the models. Total and pure."""
    if state.approve == "models" and state.unfinished:
        return "approve"
    return sends(state) or "respond"


async def _kept(state: State, context: Context) -> dict[str, Assignment]:
    """Return the assignments that are there already and can be used for their tasks."""
    there = [
        (task, assignment)
        for task in (state.plan or Plan()).tasks
        if (assignment := state.assignments.get(task.id)) and assignment.models
    ]
    found = await asyncio.gather(
        *(asyncio.to_thread(find, task.name, chosen.models[0], context.mode, context.device)
          for task, chosen in there)
    )  # fmt: skip
    return {
        task.id: chosen for (task, chosen), model in zip(there, found, strict=True) if model and model.ways
    }


async def _shortlists(state: State, tasks: Sequence[Task], context: Context) -> Shortlists:
    """Return the candidates of tasks. The Hub is asked about all task types at the same time."""
    names = list(dict.fromkeys(task.name for task in tasks))
    listed = await asyncio.gather(*(asyncio.to_thread(_candidates, name, context) for name in names))
    request = _request(state)
    by_name = {name: by_place(models, request) for name, models in zip(names, listed, strict=True)}
    if context.model == EMBEDDED:
        # Without the sentence model the candidates stay in the order of availability and downloads.
        with suppress(HuggingGPTError):
            by_name = {name: await ranked(models, request, embed) for name, models in by_name.items()}
    return {task.id: by_name[task.name][: context.k] for task in tasks}


def _request(state: State) -> str:
    return str(as_text(state.conversation[-1]).text)


async def _notes(state: State, shortlists: Shortlists, context: Context) -> list[str]:
    """Tell where no model does the part of its task that is wanted, and what would bring one that does."""
    request = _request(state)
    told = {
        task.name: (lacking, [model.id for model in models])
        for task in (state.plan or Plan()).tasks
        if (models := shortlists.get(task.id)) and (lacking := lacks(models[0], request))
    }
    reasons = await asyncio.gather(
        *(asyncio.to_thread(why_none, name, context.model, context.mode, context.device, ids)
          for name, (_, ids) in told.items())
    )  # fmt: skip
    notes = [f"{lacking} {reason}" for (lacking, _), reason in zip(told.values(), reasons, strict=True)]
    return [note for note in notes if note not in state.notes]


def _candidates(name: str, context: Context) -> list[Model]:
    return shortlist(name, context.model, context.mode, WIDE * context.k, context.device)


def _why_none(task: Task, context: Context) -> str:
    return why_none(task.name, context.model, context.mode, context.device)


def _assign(models: list[Model], choice: Choice | None) -> Assignment:
    """Put the chosen model first; one that is not listed is dropped, the rest of the list is the fallback."""
    ids = [model.id for model in models]
    best, reason = choice or ("", "")
    if best in ids:
        return Assignment(models=(best, *(id_ for id_ in ids if id_ != best)), reason=reason)
    return Assignment(models=tuple(ids), reason=_rule(models))


def _rule(models: list[Model]) -> str:
    if len(models) == 1:
        return f"The only model for this task here. {models[0].about}"
    return f"First of {len(models)} candidates here. {models[0].about}"


async def _ranked(state: State, context: Context, shortlists: Shortlists) -> Choices:
    """Ask the chat model; without a usable answer the rule decides."""
    ranked = {id_: models for id_, models in shortlists.items() if len(models) > 1}
    prompt = SystemMessage(
        render("select", context.select_prompt, shortlists=_listed(state.plan or Plan(), ranked))
    )
    request = HumanMessage(_request(state))
    try:
        chat = await chat_model(context.model, timeout=context.chat_timeout)
        return _choices(await ask_json(chat, [prompt, request], _schema(ranked)))
    except HuggingGPTError:
        return {}


def _listed(plan: Plan, shortlists: Mapping[str, list[Model]]) -> str:
    names = {task.id: task.name for task in plan.tasks}
    return "\n".join(
        f"Task {id_} ({names[id_]}):\n"
        + "\n".join(f"- {model.id} ({_facts(model)}): {model.about}" for model in models)
        for id_, models in shortlists.items()
    )


def _facts(model: Model) -> str:
    """Return what speaks for a model beside its description."""
    downloads = f"{model.downloads} downloads" if model.downloads else ""
    return ", ".join(filter(None, (downloads, "at hand" if model.here else "", model.ways[0].place)))


def _schema(shortlists: Mapping[str, list[Model]]) -> dict[str, Any]:
    ids = sorted({model.id for models in shortlists.values() for model in models})
    choice = {
        "task": {"type": "string", "enum": list(shortlists)},
        "model": {"type": "string", "enum": ids},
        "reason": {"type": "string"},
    }
    return list_schema("selection", "The model for each task.", "choices", choice)


def _choices(answer: JsonValue) -> Choices:
    items = answer.get("choices") if isinstance(answer, dict) else None
    return {
        str(item.get("task")): (str(item.get("model")), str(item.get("reason", "")))
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict)
    }
