"""The retrieval planner: no language model, sentence embeddings choose the tasks and the media decide the links.

Each clause of the request is compared with the example phrases of the task table; the closest row is its task.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graph.planners.retrieval_clauses import Request, read
from graph.planners.retrieval_examples import Embed, compare
from graph.planners.retrieval_following import apart, joined, kind_followed
from graph.planners.retrieval_linking import Linker
from graph.planners.retrieval_matching import Matcher, without_language
from graph.planners.retrieval_steps import Earlier, Step
from graph.texts import aside
from graph.types import Plan, Task
from tools.errors import InputError
from tools.outputs import Artifact
from tools.tasks import TaskRow

FILE_NAME = re.compile(
    r"(?<![\w./:@-])(?<!\bas )(?<!\bto )(?<!into )(?<!named )(?<!called )[\w-]+\."
    r"(?:jpe?g|png|gif|bmp|webp|tiff?|wav|mp3|flac|ogg|m4a|mp4|avi|mov|webm|txt|md|csv|tsv|xlsx|pdf)\b",
    re.I,
)
"""A file name that is not the tail of an address or path, nor what a result is to be called."""

__all__ = ["Earlier", "Embed", "Step", "draft", "plan"]


async def plan(
    request: str,
    files: Sequence[Artifact],
    rows: Mapping[str, TaskRow],
    embed: Embed,
    earlier: Sequence[Earlier] = (),
) -> Plan:
    """Plan a request.

    Args:
        request: What is wanted, in plain words.
        files: The conversation's files, newest last.
        rows: The task types to plan with, by name.
        embed: The embedding model that compares the request with the rows' examples.
        earlier: Results of the turns before, newest last, for requests such as `translate that summary`.

    Returns:
        The plan; without tasks when the request is only to be talked about.

    Raises:
        InputError: A task needs a file or a text that was not given.
    """
    steps = await draft(request, files, rows, embed, earlier)
    if steps and (name := _missing(request, files)):
        raise InputError(
            f"There is no file {name!r} in this conversation; attach it (--file on the command line)."
        )
    if all(step.row.name == "conversational" for step in steps):
        return Plan()
    return Plan(tasks=tuple(Task(id=step.id, name=step.row.name, inputs=step.inputs) for step in steps))


async def draft(
    request: str,
    files: Sequence[Artifact],
    rows: Mapping[str, TaskRow],
    embed: Embed,
    earlier: Sequence[Earlier] = (),
) -> list[Step]:
    """Do the same as `plan`, unchecked, so that rows other than those of the task table can be tried.

    Args:
        request: What is wanted, in plain words.
        files: The conversation's files, newest last.
        rows: The task types to plan with, by name.
        embed: The embedding model.
        earlier: Results of the turns before, newest last.

    Returns:
        The steps, sources first.

    Raises:
        InputError: A task needs a file or a text that was not given.
    """
    parts = await aside(request, _parts, request, files, rows)
    plain = [clause.plain for clause in parts.clauses if clause.plain]
    wanted = list(dict.fromkeys([*plain, *filter(None, map(without_language, plain))]))
    scores = dict(zip(wanted, await compare(wanted, rows, embed), strict=True))

    def linked() -> list[Step]:
        return Linker(parts, files, rows, earlier).link(Matcher(parts, files, rows).choose(scores))

    # It takes 5 ms for each clause, and a text that came without quotation marks has many.
    return await asyncio.to_thread(linked)


def _parts(request: str, files: Sequence[Artifact], rows: Mapping[str, TaskRow]) -> Request:
    """Take a request apart, several things that each follow a picture of their own too."""
    parts = read(request, files)
    # Without rows that follow something, what is spoken of there is wanted for itself.
    if any(map(kind_followed, rows.values())):
        return replace(parts, clauses=tuple(joined(list(apart(parts.clauses)))))
    return parts


def _missing(request: str, files: Sequence[Artifact]) -> str | None:
    """Return the first file name in a request that none of the files has."""
    known = " ".join(file.name.lower() for file in files)
    return next((name for name in FILE_NAME.findall(request) if name.lower() not in known), None)
