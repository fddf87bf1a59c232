"""What a chat model is offered for a request: the task types that retrieval finds relevant, and similar examples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.planners.retrieval_clauses import read
from graph.planners.retrieval_examples import Embed, compare
from prompts import DEMONSTRATIONS, render
from tools.outputs import Artifact
from tools.tasks import TaskRow

FOR_REQUEST, FOR_CLAUSE, FOR_MEDIUM = 8, 5, 2
"""Task types that are offered: those most like the request, those most like each clause, and for each file's medium."""
UNSURE = 0.35
"""A request that is less like every phrase of the task table, such as one in another language, gets all types."""
SHOWN = 3
"""Examples that are shown."""


@dataclass(frozen=True)
class Offer:
    """What a prompt lists."""

    rows: Mapping[str, TaskRow]
    demonstrations: Sequence[Mapping[str, Any]] = DEMONSTRATIONS[:1]

    def prompt(self, files: Sequence[Artifact]) -> str:
        """Return the system prompt that lists it, with the conversation's files."""
        return render(
            "plan",
            tasks="\n".join(map(_line, self.rows.values())),
            demonstrations="\n".join(map(_shown, self.demonstrations)),
            files="\n".join(f"- {file.name} ({file.media})" for file in files) or "(none)",
        )


async def offered(
    request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow], embed: Embed
) -> Offer:
    """Choose what to offer for a request.

    Args:
        request: The request's text.
        files: The conversation's files.
        rows: All task types.
        embed: The embedding model.

    Returns:
        The most relevant task types and examples; all types when none is like the request.

    Raises:
        HuggingGPTError: The embedding model cannot be used.
    """
    similar = await _similar(request, rows, embed)
    clauses = [clause.plain for clause in read(request, files).clauses if clause.plain]
    whole, *each = await compare([request, *clauses], rows, embed)
    if max(max(one.values()) for one in (whole, *each)) < UNSURE:
        return Offer(rows, similar)
    needed = {task["task"] for one in similar for task in one["tasks"]}
    needed |= set().union(_best(whole, FOR_REQUEST), *(_best(one, FOR_CLAUSE) for one in each))
    for media in {file.media for file in files} - {"text"}:
        takers = {name: whole[name] for name, row in rows.items() if row.slots[0].media == media}
        needed |= _best(takers, FOR_MEDIUM)
    return Offer({name: row for name, row in rows.items() if name in needed}, similar)


def _best(likeness: Mapping[str, float], count: int) -> set[str]:
    return set(sorted(likeness, key=lambda name: likeness[name], reverse=True)[:count])


async def _similar(request: str, rows: Mapping[str, TaskRow], embed: Embed) -> list[Mapping[str, Any]]:
    """Return the examples whose requests are most like this one, the most similar last, next to the request."""
    usable = [one for one in DEMONSTRATIONS if all(task["task"] in rows for task in one["tasks"])]
    vectors = await embed([request, *(one["request"] for one in usable)])
    order = sorted(range(len(usable)), key=lambda at: float(vectors[0] @ vectors[at + 1]))
    return [usable[at] for at in order[-SHOWN:]]


def _line(row: TaskRow) -> str:
    slots = ", ".join(f"{slot.name}{'' if slot.required else '?'}: {slot.media}" for slot in row.slots)
    return f"- {row.name}({slots}) -> {', '.join(row.makes)}: {row.about}"


def _shown(demonstration: Mapping[str, Any]) -> str:
    files = ", ".join(f"{name} ({media})" for name, media in demonstration["files"].items())
    plan = json.dumps({"tasks": demonstration["tasks"]}, ensure_ascii=False)
    return f"Request: {demonstration['request']}{f' [files: {files}]' if files else ''}\n{plan}"
