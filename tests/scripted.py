"""Runs of the whole graph against a scripted chat server, which plans, works and answers."""

import json
from collections.abc import Sequence
from typing import Any

from chat_server import ChatServer, Reply, Script, said
from langchain_core.runnables import RunnableConfig

from graph.context import Context
from graph.files import message
from graph.state import Request, State

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
REQUEST = Request(messages=[message("Do it.")])


def echo(text: str, source: int | None = None) -> dict[str, Any]:
    """Return a planned task whose prompt holds the text, and the output of another task."""
    return joined(text, () if source is None else (source,))


def joined(text: str, sources: Sequence[int]) -> dict[str, Any]:
    """Return a planned task whose prompt holds the text, and the outputs of up to two other tasks."""
    if len(sources) < 2:
        return {
            "task": "question-answering",
            "args": {"question": text, "context": f"<resource>-{sources[0]}" if sources else "it"},
        }
    args = {
        "text": text,
        "target_language": f"<resource>-{sources[0]}",
        "source_language": f"<resource>-{sources[1]}",
    }
    return {"task": "translation", "args": args}


def scripted(tasks: list[dict[str, Any]], answer: Script) -> Script:
    """Answer the planner with tasks numbered from 0, `respond` with "Done.", and all else with `answer`."""
    plan = json.dumps({"tasks": [{"id": number, **task} for number, task in enumerate(tasks)]})

    def script(body: dict[str, Any]) -> Reply | str:
        if "response_format" in body:
            return plan
        return "Done." if "Results:" in said(body) else answer(body)

    return script


def planning(*plans: list[dict[str, Any]]) -> Script:
    """Answer the planner with one plan after the other; jobs named `broken` fail."""
    left = iter(plans)

    def script(body: dict[str, Any]) -> Reply | str:
        if "response_format" in body:
            return json.dumps({"tasks": next(left)})
        if "Results:" in said(body):
            return "Done."
        return "" if "broken" in said(body) else f"[{said(body).count('fine')}]"

    return script


def numbered(id_: int, text: str, source: int | None = None) -> dict[str, Any]:
    """Return a planned task with an id; as `echo`."""
    return {"id": id_, **echo(text, source)}


def context(server: ChatServer, **fields: Any) -> Context:
    return Context(**{"model": server.url, "k": 1, "max_attempts": 1, **fields})


def statuses(state: State) -> dict[str, str]:
    return {id_: result.status for id_, result in state.results.items()}


def texts(state: State) -> dict[str, str]:
    return {id_: result.output.text for id_, result in state.results.items() if result.output}
