"""Whose artifacts a run may use where the server asks for keys: those that its owner gave, or a run of theirs made.

Without this, whoever knows or guesses the digest of somebody's file could name it in a message, a plan or an edited
state, and have the run read it or link it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime
from pydantic import BaseModel

from graph.context import Context
from graph.files import files_of
from tools.artifacts import REF, store
from tools.errors import InputError
from tools.outputs import Artifact


def owner_of(runtime: Runtime[Context]) -> str | None:
    """Return who started the run; None where nobody is asked for a key, and outside of a server."""
    user = runtime.server_info.user if runtime.server_info else None
    return (user.identity or None) if user else None


async def check(owner: str, given: Any) -> None:
    """Refuse artifacts that are not the owner's.

    Args:
        owner: Who started the run.
        given: What a node is given: the state, or what a Send carries.

    Raises:
        InputError: There is one. The sentence is the same whether anybody has it or not.
        SetupError: The store cannot be read.
    """
    used = set(digests(given))
    if foreign := await asyncio.to_thread(lambda: [one for one in used if not store().owns(owner, one)]):
        raise InputError(f"There is no artifact {foreign[0]} among your files: upload it, or give it anew.")


async def claim(owner: str, update: Mapping[str, Any]) -> None:
    """Note that the owner has the artifacts that a node made: the files of results, and of messages.

    Nothing else in an update counts, since a model can write any digest into a text or into data.

    Args:
        owner: Who started the run.
        update: What the node changes in the state.

    Raises:
        SetupError: The store cannot be written.
    """
    results = update.get("results")
    made = list(results.values()) if isinstance(results, Mapping) else []
    files = [file for result in made if result.output for file in result.output.files]
    files += files_of(update.get("messages", ()))
    if files:
        await asyncio.to_thread(_claim, owner, {file.sha256 for file in files})


def _claim(owner: str, made: set[str]) -> None:
    for one in made:
        store().claim(owner, one)


def digests(value: Any) -> Iterator[str]:
    """Yield the sha256 of every artifact that a value refers to, at any depth: as an artifact or by its reference.

    A text that merely mentions a reference is none: nothing opens it.
    """
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    yield from _digest(plain)
    for part in _parts(plain):
        yield from digests(part)


def _digest(value: Any) -> list[str]:
    if isinstance(value, str):
        return [found["sha256"]] if (found := REF.fullmatch(value)) else []
    is_artifact = isinstance(value, Mapping) and Artifact.model_fields.keys() <= value.keys()
    return [str(value["sha256"])] if is_artifact else []


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
