"""The question whether a plan may run, as agent UIs show it: the human-in-the-loop request of LangChain 1.x."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from graph.context import Context
from graph.files import files_of
from graph.planners.wire import write
from graph.references import distinct
from graph.state import State
from graph.texts import one_line
from graph.types import Input, Plan, Task
from tools.models.cost import Cost, cost

ACTION = "run_plan"
"""What the user is asked to allow."""
UNKNOWN = "unknown"
HEADER = ("", "task", "model", "where", "download", "memory", "price")
"""Columns of `cells`."""
SHOWN = 60
"""Characters of an input in the description."""


class Action(TypedDict):
    """What is to be allowed; `ActionRequest` of `langchain.agents.middleware.human_in_the_loop`."""

    name: str
    args: dict[str, Any]
    """`tasks`, the plan in wire form with files by name, and once they are chosen `models`, by task id, best first."""
    description: str
    """Markdown."""


class Review(TypedDict):
    """What may be answered; `ReviewConfig` of that module."""

    action_name: str
    allowed_decisions: list[Literal["approve", "edit", "reject"]]


class TaskCost(TypedDict):
    """What a task takes with one of the models that may be tried; see `tools.models.cost.Cost`."""

    task: str
    name: str
    """Its row, such as `summarization`."""
    model: str
    place: str
    download: int | None
    memory: int | None
    price: float | None


class Question(TypedDict):
    """The value of the interrupt: `HITLRequest` of that module, and what only programs read."""

    action_requests: list[Action]
    review_configs: list[Review]
    costs: list[TaskCost]
    """For each task that is to run its models in the order in which they are tried; empty before they are chosen."""
    problem: NotRequired[str]
    """Why the answer before could not be used."""
    edited: NotRequired[dict[str, Any]]
    """The plan and models as that answer had them."""


async def question(state: State, context: Context) -> Question:
    """Return what the user is asked. Only reads, since it is made once more when the answer comes."""
    costs = await _costs(state, context)
    problem = state.edit.problem if state.edit else ""
    action: Action = {
        "name": ACTION,
        "args": _args(state),
        "description": _description(state, costs, problem),
    }
    review: Review = {"action_name": ACTION, "allowed_decisions": ["approve", "edit", "reject"]}
    asked = Question(action_requests=[action], review_configs=[review], costs=costs)
    return Question(**asked, problem=problem, edited=dict(state.edit.args)) if state.edit else asked


def _names(state: State) -> dict[str, str]:
    """Return the names of the conversation's files by their references."""
    return {file.ref: file.name for file in distinct(files_of(state.conversation))}


def _args(state: State) -> dict[str, Any]:
    names, tasks = _names(state), write(state.plan or Plan())
    for task in tasks:
        task["args"] = {slot: names.get(value, value) for slot, value in task["args"].items()}
    assigned = ((task.id, state.assignments.get(task.id)) for task in state.unfinished)
    models = {id_: list(one.models) for id_, one in assigned if one and one.models}
    return {"tasks": tasks, **({"models": models} if models else {})}


async def _costs(state: State, context: Context) -> list[TaskCost]:
    tried = [
        (task, id_)
        for task in state.unfinished
        if (chosen := state.assignments.get(task.id))
        for id_ in chosen.models[: context.max_attempts]
    ]
    wanted = dict.fromkeys((task.name, id_) for task, id_ in tried)
    found = await asyncio.gather(
        *(asyncio.to_thread(cost, name, id_, context.mode, context.device) for name, id_ in wanted)
    )
    known = dict(zip(wanted, found, strict=True))
    return [_task_cost(task, known[task.name, id_] or Cost(model=id_, place=UNKNOWN)) for task, id_ in tried]


def _task_cost(task: Task, one: Cost) -> TaskCost:
    return TaskCost(
        task=task.id,
        name=task.name,
        model=one.model,
        place=one.place,
        download=one.download,
        memory=one.memory,
        price=one.price,
    )


def _description(state: State, costs: Sequence[TaskCost], problem: str) -> str:
    """Return the question for people, in Markdown."""
    tasks = state.unfinished
    names = _names(state)
    head = f"Run {'this task' if len(tasks) == 1 else f'these {len(tasks)} tasks'}?"
    listed = "\n".join(f"- {task.id} {task.name}: {_inputs(task, names)}" for task in tasks)
    table = "\n".join(map(_row, (HEADER, ["---"] * len(HEADER), *map(cells, costs)))) if costs else ""
    return "\n\n".join(filter(None, (problem, head, listed, table, *without_models(state), totals(costs))))


def _inputs(task: Task, names: Mapping[str, str]) -> str:
    return ", ".join(
        f"{item.slot} from {item.source}" if item.source is not None else f"{item.slot} {_short(item, names)}"
        for item in task.inputs
    )


def _short(item: Input, names: Mapping[str, str]) -> str:
    return one_line(names.get(str(item.value), str(item.value)), SHOWN)


def without_models(state: State) -> list[str]:
    """Return a sentence for each task that is to run and that nothing here can do."""
    assigned = ((task, state.assignments.get(task.id)) for task in state.unfinished)
    return [f"Task {task.id} cannot run. {one.reason}" for task, one in assigned if one and not one.models]


def _row(values: Iterable[str]) -> str:
    return f"| {' | '.join(value.replace('|', '/') for value in values)} |"


def cells(one: TaskCost) -> tuple[str, str, str, str, str, str, str]:
    """Return a cost as it is shown: task, type, model, where it runs, download, memory and price."""
    price = "free" if one["price"] == 0 else UNKNOWN if one["price"] is None else f"${one['price']:g}"
    return (
        one["task"],
        one["name"],
        one["model"],
        one["place"],
        size(one["download"]),
        size(one["memory"]),
        price,
    )


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return UNKNOWN
    if count == 0:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def totals(costs: Sequence[TaskCost]) -> str:
    """Return in a sentence what the first choices are to fetch, each model once, and what others might."""
    if not costs:
        return ""
    firsts = {one["task"]: one for one in reversed(costs)}
    chosen = {one["model"]: one["download"] for one in firsts.values()}
    others = {one["model"]: one["download"] for one in costs if one["model"] not in chosen}
    told = f"To fetch: {_sum(chosen.values())}."
    if all(value == 0 for value in others.values()):
        return told
    return f"{told} If other models must step in: {_sum(others.values())} more."


def _sum(sizes: Iterable[int | None]) -> str:
    known = list(sizes)
    total = sum(value or 0 for value in known)
    if None in known:
        return f"{size(total)} and what is unknown" if total else UNKNOWN
    return size(total) if total else "nothing"
