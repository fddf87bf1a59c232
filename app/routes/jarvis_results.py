"""What a JARVIS client gets: answers, plans and results with addresses where the original had paths."""

import asyncio
from typing import Any

from graph.facts import linked
from graph.files import files_of
from graph.inputs import bind
from graph.planners import wire
from graph.state import State
from graph.types import Assignment, Plan, Task, TaskResult
from tools.errors import InputError
from tools.links import link, markdown
from tools.outputs import Output
from tools.settings import settings


def answer(state: State, base: str) -> str:
    """Return the answer's text with links to what was made."""
    text = str(state.messages[-1].text)
    if settings().public_url:
        # The answer has them already.
        return text
    return "\n\n".join(filter(None, (text, markdown(linked(state), base))))


def addressed(task: dict[str, Any], state: State, base: str) -> dict[str, Any]:
    """Return a task in wire form with addresses in place of references.

    Args:
        task: The task in wire form.
        state: The conversation, which knows the names of files.
        base: Address of this server.
    """
    # Whatever else looks like a reference is a text: a link to it could open the file of somebody else.
    made = [file for result in state.results.values() if result.output for file in result.output.files]
    addresses = {file.ref: link(file, base) for file in (*made, *files_of(state.messages))}
    return {
        **task,
        "args": {slot: addresses.get(value) or value for slot, value in task["args"].items()},
    }


async def results_of(state: State, base: str) -> dict[str, Any]:
    """Return the results by task id, each with its task, what came out and the model that was chosen."""
    plan = state.plan or Plan()
    tasks = zip(plan.tasks, wire.write(plan, generated="<GENERATED>"), strict=True)
    filled = {task.id: await _filled(task, written, state) for task, written in tasks}
    return await asyncio.to_thread(_told, filled, state, base)


async def _filled(task: Task, written: dict[str, Any], state: State) -> dict[str, Any]:
    """Return a task in wire form with the outputs it got in place of references to other tasks."""
    try:
        return {**written, "args": await bind(task, state.results)}
    except InputError:
        # A source has failed.
        return written


def _told(tasks: dict[str, dict[str, Any]], state: State, base: str) -> dict[str, Any]:
    return {
        id_: {
            "task": addressed(task, state, base),
            "inference result": _inference(state.results[id_], base),
            "choose model result": _chosen(state.results[id_], state.assignments.get(id_)),
        }
        for id_, task in tasks.items()
        if id_ in state.results
    }


def _inference(result: TaskResult, base: str) -> dict[str, Any]:
    if result.output is None:
        return {"error": {"message": result.error.reason if result.error else ""}}
    made = _generated(result.output, base)
    return made if result.output.data is None else {**made, "predicted": result.output.data}


def _generated(output: Output, base: str) -> dict[str, Any]:
    """Return the first file of each medium under the original's key for it, then all of them where there are more."""
    addresses = [(f"generated {file.media}", link(file, base)) for file in output.files]
    if not addresses:
        return {"generated text": output.text}
    more = {"files": [address for _, address in addresses]} if len(addresses) > 1 else {}
    return {**dict(reversed(addresses)), **more}


def _chosen(result: TaskResult, assignment: Assignment | None) -> dict[str, str]:
    first = next(iter(assignment.models), "") if assignment else ""
    return {"id": result.model or first, "reason": assignment.reason if assignment else ""}
