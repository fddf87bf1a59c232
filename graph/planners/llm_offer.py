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

RELEVANT = 12
"""Task types that are offered, beside those that the files and the examples need."""
FOR_MEDIUM = 2
"""Task types that are offered for every medium of the files, at least."""
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
    clauses = [clause.plain for clause in read(request, files).clauses if clause.plain]
    likeness = [request, *clauses] if request.strip() else []
    scores = await compare(likeness, rows, embed)
    best = {name: max((one[name] for one in scores), default=-1.0) for name in rows}
    similar = await _similar(request, rows, embed)
    if max(best.values()) < UNSURE:
        return Offer(rows, similar)
    needed = {task["task"] for one in similar for task in one["tasks"]}
    named = {*_relevant(best, files, rows), *needed}
    return Offer({name: row for name, row in rows.items() if name in named}, similar)


def _relevant(best: Mapping[str, float], files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> list[str]:
    names = sorted(rows, key=lambda name: best[name], reverse=True)
    media = {file.media for file in files} - {"text"}
    for_files = [[name for name in names if rows[name].slots[0].media == one][:FOR_MEDIUM] for one in media]
    return [*names[:RELEVANT], *(name for some in for_files for name in some)]


async def _similar(request: str, rows: Mapping[str, TaskRow], embed: Embed) -> list[Mapping[str, Any]]:
    """Return the examples whose requests are most like this one, the most similar last, next to the request."""
    usable = [one for one in DEMONSTRATIONS if all(task["task"] in rows for task in one["tasks"])]
    vectors = await embed([request or " ", *(one["request"] for one in usable)])
    order = sorted(range(len(usable)), key=lambda at: float(vectors[0] @ vectors[at + 1]))
    return [usable[at] for at in order[-SHOWN:]]


def _line(row: TaskRow) -> str:
    slots = ", ".join(f"{slot.name}{'' if slot.required else '?'}: {slot.media}" for slot in row.slots)
    return f"- {row.name}({slots}) -> {', '.join(row.makes)}: {row.about}"


def _shown(demonstration: Mapping[str, Any]) -> str:
    files = ", ".join(f"{name} ({media})" for name, media in demonstration["files"].items())
    plan = json.dumps({"tasks": demonstration["tasks"]}, ensure_ascii=False)
    return f"Request: {demonstration['request']}{f' [files: {files}]' if files else ''}\n{plan}"
