"""Forgetting: threads that nobody touched for long, and the files that nothing else refers to."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app.runs import config_of, unfinished
from app.saver import Saver
from graph.agent import Agent, build
from tools.errors import HuggingGPTError, InputError
from tools.settings import Settings
from tools.sweep import Freed, Sweep, digests

GRACE = timedelta(days=1)
"""What may be part of a run that is going on stays at least this long: unfinished threads, and all files."""
GRAPH = "hugginggpt"
"""Name of this graph in `langgraph.json`."""
AGE = re.compile(r"(\d{1,6})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Pruned(NamedTuple):
    """What was removed, or would be."""

    threads: int
    freed: Freed | None
    """Files of the artifact store; None where it was left alone."""


def age(text: str) -> timedelta:
    """Read an age such as `30d`.

    Raises:
        InputError: It is none.
    """
    found = AGE.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is no age: write a number with m, h, d or w behind it, such as 30d.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def owns_artifacts(settings: Settings) -> bool:
    """Tell whether all who store artifacts here keep their checkpoints here too.

    A place of their own choice may be shared by people each of whom has a file of checkpoints.
    """
    return not settings.artifacts or settings.database_url is not None


async def prune(
    savers: Sequence[Saver], older_than: timedelta, now: datetime, root: str | None, dry_run: bool = False
) -> Pruned:
    """Remove threads and files that are older than an age.

    Files are listed first, then old threads are removed, then what the others refer to is looked for. So a file
    that comes in, or is stored again, while this goes on is never removed.

    Args:
        savers: All checkpoints that refer to artifacts.
        older_than: Age of what is removed. Unfinished threads and files stay at least as long as `GRACE`.
        now: The time that ages are counted from.
        root: Root of the artifact store; None leaves it alone.
        dry_run: Remove nothing.

    Raises:
        SetupError: The artifact store cannot be read or written.
    """
    finished, begun = now - older_than, now - max(older_than, GRACE)
    sweep = await asyncio.to_thread(Sweep, root, begun) if root else None
    gone = {saver: await _pruned(saver, finished, begun, dry_run) for saver in savers}
    threads = sum(map(len, gone.values()))
    if not sweep:
        return Pruned(threads, None)
    referenced = await asyncio.to_thread(sweep.referenced) | await _referenced(gone)
    return Pruned(threads, await asyncio.to_thread(sweep.remove, referenced, dry_run))


async def _pruned(saver: Saver, finished: datetime, begun: datetime, dry_run: bool) -> set[str]:
    """Remove threads and return their ids.

    Args:
        saver: Their checkpoints.
        finished: Threads whose last run has ended go when they were last touched before this time.
        begun: All others, before this one.
        dry_run: Remove nothing.
    """
    agent, gone = build(saver), set[str]()
    for thread in await saver.threads():
        touched = await _touched(saver, thread)
        if touched and touched < (begun if await _goes_on(agent, thread) else finished):
            gone.add(thread)
            if not dry_run:
                await saver.adelete_thread(thread)
    return gone


async def _touched(saver: Saver, thread: str) -> datetime | None:
    """Return when a thread was last written to; None for one of another graph."""
    latest = await saver.aget_tuple(config_of(thread))
    if latest is None or latest.metadata.get("graph_id", GRAPH) != GRAPH:
        return None
    return datetime.fromisoformat(latest.checkpoint["ts"])


async def _goes_on(agent: Agent, thread: str) -> bool:
    """Tell whether a thread's run may be gone on with; nobody can tell while a plugin of its tasks is not there."""
    try:
        return unfinished(await agent.aget_state(config_of(thread)))
    except HuggingGPTError:
        return True


async def _referenced(gone: Mapping[Saver, set[str]]) -> set[str]:
    """Return the digests that threads refer to, except for those that are gone."""
    found = set[str]()
    for saver, threads in gone.items():
        for thread in set(await saver.threads()) - threads:
            for blob in await saver.blobs(thread):
                found |= await asyncio.to_thread(digests, blob)
    return found
