"""What a run may use where the server asks for keys: artifacts that its owner gave or made, models the server names.

Without this, whoever knows or guesses the digest of somebody's file could name it in a message, a plan or an edited
state, and have the run read it or link it; and whoever has a key could have the server call any address of its network.
"""

import asyncio
from collections.abc import Iterable

from langgraph.runtime import get_runtime

from graph.context import Context, default_context
from tools import marks
from tools.errors import InputError
from tools.settings import settings


def owner() -> str | None:
    """Return who started the run that goes on here; None where nobody is asked for a key, and outside of a server."""
    try:
        info = get_runtime(Context).server_info
    except RuntimeError:
        # What LangGraph raises outside of a graph.
        return None
    return (info.user.identity or None) if info and info.user else None


async def check(refs: Iterable[str]) -> None:
    """Refuse artifacts that are not the owner's.

    Args:
        refs: Their references.

    Raises:
        InputError: One is not theirs; the sentence does not tell whether it is anybody's.
        SetupError: The store cannot be read.
    """
    who, asked = owner(), set(refs)
    if who is None or not asked:
        return
    if foreign := await asyncio.to_thread(lambda: [ref for ref in asked if not marks.owns(who, ref)]):
        raise InputError(f"there is no artifact {foreign[0]} among your files; upload the file again.")


def check_model(name: str) -> None:
    """Refuse a model that is an address which an owner's request names and the server does not.

    Raises:
        InputError: It is one.
    """
    if not name.startswith(("http://", "https://")) or owner() is None or name == default_context().model:
        return
    if name.partition("#")[0].rstrip("/") != (settings().base_url or "").rstrip("/"):
        raise InputError(
            f"{name} is no model that may be asked for here: the addresses of this server are those in its "
            "HUGGINGGPT_MODEL and HUGGINGGPT_BASE_URL."
        )


async def claim(refs: Iterable[str]) -> None:
    """Note that the owner has these artifacts: their bytes came with the request, or a task made them.

    Raises:
        SetupError: The store cannot be written.
    """
    if who := owner():
        await asyncio.to_thread(_claim, who, set(refs))


def _claim(who: str, refs: set[str]) -> None:
    for ref in refs:
        marks.claim(who, ref)
