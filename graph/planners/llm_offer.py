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
SMALL_TALK = next(one for one in DEMONSTRATIONS if not one["tasks"])


@dataclass(frozen=True)
class Offer:
    """What a prompt lists."""

    rows: Mapping[str, TaskRow]
    demonstrations: Sequence[Mapping[str, Any]] = DEMONSTRATIONS[:1]

    def prompt(self, files: Sequence[Artifact], own: str | None = None) -> str:
        """Return the system prompt that lists it, with the conversation's files; the prompt may be a run's own."""
        return render(
            "plan",
            own,
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
    whole, *each = await compare([request, *clauses], rows, embed)
    best = {name: max(one[name] for one in (whole, *each)) for name in rows}
    if max(best.values()) < UNSURE:
        return Offer(rows, [*DEMONSTRATIONS[:1], SMALL_TALK])
    similar = _similar(best)
    needed = {task["task"] for one in similar for task in one["tasks"]}
    needed |= set().union(_best(whole, FOR_REQUEST), *(_best(one, FOR_CLAUSE) for one in each))
    for media in {file.media for file in files} - {"text"}:
        takers = {name: whole[name] for name, row in rows.items() if row.slots[0].media == media}
        needed |= _best(takers, FOR_MEDIUM)
    return Offer({name: row for name, row in rows.items() if name in needed}, similar)


def _best(likeness: Mapping[str, float], count: int) -> set[str]:
    return set(sorted(likeness, key=lambda name: likeness[name], reverse=True)[:count])


def _similar(likeness: Mapping[str, float]) -> Sequence[Mapping[str, Any]]:
    """Return the examples whose task types the request is most like, the most similar last, next to the request.

    Requests themselves are more alike by their wording and file names than by what they want.
    """

    def score(one: Mapping[str, Any]) -> float:
        return sum(likeness[task["task"]] for task in one["tasks"]) / len(one["tasks"])

    usable = [
        one
        for one in DEMONSTRATIONS
        if one["tasks"] and all(task["task"] in likeness for task in one["tasks"])
    ]
    return sorted(usable, key=score)[-SHOWN:]


def _line(row: TaskRow) -> str:
    slots = ", ".join(f"{slot.name}{'' if slot.required else '?'}: {slot.media}" for slot in row.slots)
    return f"- {row.name}({slots}) -> {', '.join(row.makes)}: {row.about}"


def _shown(demonstration: Mapping[str, Any]) -> str:
    files = ", ".join(f"{name} ({media})" for name, media in demonstration["files"].items())
    plan = json.dumps({"tasks": demonstration["tasks"]}, ensure_ascii=False)
    return f"Request: {demonstration['request']}{f' [files: {files}]' if files else ''}\n{plan}"
