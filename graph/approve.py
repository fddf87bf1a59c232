"""Approve: the user sees the plan before anything runs, and approves, edits or rejects it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Overwrite, Send, interrupt
from pydantic import BaseModel, JsonValue, ValidationError

from graph.context import Context, context_of
from graph.execute import sends
from graph.files import files_of
from graph.planners.wire import PlanError, read
from graph.question import ACTION, question
from graph.references import distinct
from graph.state import Edit, State
from graph.types import Assignment, Plan, Task, TaskError, TaskResult
from tools.chat import check_name
from tools.errors import InputError
from tools.models import Model, find

EDITED = "The user's choice."
ANSWERS = '{"decisions": [{"type": "approve"}]}'


class Edited(BaseModel):
    """The action as the user changed it."""

    args: dict[str, JsonValue]


class Decision(BaseModel):
    """One answer: a `Decision` of `langchain.agents.middleware.human_in_the_loop`."""

    type: Literal["approve", "edit", "reject"]
    message: str | None = None
    """Why the plan is rejected."""
    edited_action: Edited | None = None


async def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the user whether the plan may run, in one interrupt.

    Returns:
        Nothing when it was approved; the plan and the models as they were edited; an error for every task of a
        plan that was rejected, and the right to plan anew; or what is wrong with an answer that cannot be used.
    """
    context = context_of(runtime)
    answer = interrupt(await question(state, context))
    args: dict[str, JsonValue] = {}
    try:
        decision = decided(answer)
        if decision.type == "reject":
            return {"edit": None, **_rejected(state, decision.message, context)}
        if decision.type == "edit" and decision.edited_action:
            args = decision.edited_action.args
            return {"edit": None, **await edited(state, args, context)}
    except PlanError as error:
        return {"edit": Edit(problem=f"This answer cannot be used: {error}", args=args)}
    return {"edit": None}


def route(state: State) -> list[Send] | str:
    """Ask again, choose models for what has none, or send all tasks to `execute`. Total and pure."""
    if state.edit:
        return "approve"
    chosen = state.approve == "models" and all(task.id in state.assignments for task in state.unfinished)
    return (sends(state) or "respond") if chosen or not state.unfinished else "select"


def decided(answer: JsonValue) -> Decision:
    """Return what the user decided.

    Args:
        answer: `{"decisions": [decision]}` as agent UIs send it, the decision alone, or its type alone.

    Raises:
        PlanError: It is none of these.
    """
    if isinstance(answer, dict) and "decisions" in answer:
        answer = answer["decisions"]
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    try:
        decision = Decision.model_validate({"type": answer} if isinstance(answer, str) else answer)
    except ValidationError:
        raise PlanError(
            f"it is not of the form {ANSWERS}, where the type is `approve`, `edit` with `edited_action`, or `reject` "
            "with a `message`"
        ) from None
    if decision.type == "edit" and decision.edited_action is None:
        raise PlanError(f"an edit needs its `edited_action`, which is `{ACTION}` with the changed `args`")
    return decision


async def edited(state: State, args: Mapping[str, JsonValue], context: Context) -> dict[str, Any]:
    """Return the plan and the assignments of an edit, validated like any others.

    Args:
        state: What was asked about.
        args: `tasks`, the plan in wire form, and `models`, one id or several by task id; what is not there stays.
        context: Where the models may run.

    Raises:
        PlanError: with a sentence about what is wrong.
    """
    plan = state.plan or Plan()
    if unknown := [name for name in args if name not in ("tasks", "models")]:
        raise PlanError(f"there is no argument {unknown[0]!r}; there are `tasks` and `models`")
    if "tasks" in args:
        kept = [task for task in plan.tasks if task.id in state.finished]
        plan = read(args["tasks"], distinct(files_of(state.conversation)), kept)
    named = await _named(plan, args.get("models") or {}, state, context)
    types = {task.id: task.name for task in (state.plan or Plan()).tasks}
    same = [
        task.id for task in plan.tasks if types.get(task.id) == task.name and task.id in state.assignments
    ]
    return {
        "plan": plan,
        "assignments": Overwrite({**{id_: state.assignments[id_] for id_ in same}, **named}),
    }


async def _named(plan: Plan, models: JsonValue, state: State, context: Context) -> dict[str, Assignment]:
    """Return the assignments that an edit names and that were not there already."""
    if isinstance(models, str):
        # Forms of agent UIs give back what is no text as JSON in a text.
        models = _loaded(models)
    if not isinstance(models, dict):
        raise PlanError('`models` is an object of task ids and models, such as {"0": ["OWNER/NAME"]}')
    tasks = {task.id: task for task in plan.tasks if task.id not in state.finished}
    named: dict[str, Assignment] = {}
    for id_, value in models.items():
        ids = tuple(map(str, value if isinstance(value, list) else [value]))
        before = state.assignments.get(id_)
        if before and before.models == ids:
            continue
        if id_ not in tasks:
            raise PlanError(f"`models` names task {id_!r}, which is not to run")
        await _check(tasks[id_], ids, context)
        named[id_] = Assignment(models=ids, reason=EDITED)
    return named


def _loaded(text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except ValueError:
        return None
    return found


async def _check(task: Task, ids: tuple[str, ...], context: Context) -> None:
    if not ids:
        raise PlanError(f"task {task.id}: name at least one model")
    for id_ in ids:
        model = await asyncio.to_thread(find, task.name, id_, context.mode, context.device)
        if why := _obstacle(model):
            raise PlanError(f"task {task.id}: {id_} cannot run: {why}")


def _obstacle(model: Model | None) -> str | None:
    if model is None or not model.ways:
        return " ".join(model.obstacles if model else ()) or "There is no such model for this task."
    try:
        if model.source == "chat":
            check_name(model.id)
    except InputError as error:
        return str(error)
    return None


def _rejected(state: State, message: str | None, context: Context) -> dict[str, Any]:
    """End all tasks that were to run; a chat model that plans may make another plan, as often as one is rejected."""
    reason = f"The plan was rejected: {(message or '').strip().rstrip('.') or 'no reason was given'}."
    error = TaskError(reason=reason, kind="rejected")
    results = dict(state.finished)
    for task in state.unfinished:
        # With its digest, so that an edit of the plan makes it stale.
        results[task.id] = TaskResult(error=error, digest=task.digest(results))
    return {"results": results, "replans": state.replans + 1 if context.uses_llm_planner else 0}
