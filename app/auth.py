"""Authentication and ownership on LangGraph Server; `langgraph.json` names `auth`.

Everything that the server keeps for a key's owner is marked `owner` in its metadata and shown to nobody else. While
there are no keys nothing is marked or hidden.
"""

import asyncio
from typing import Any, TypedDict

from langgraph_sdk import Auth

from app.access import NOBODY, RefusedError, requester

WRITES = frozenset({"create", "update", "create_run"})

auth = Auth()


class User(TypedDict):
    """What runs and handlers are told of who sent a request; never the key."""

    identity: str
    is_authenticated: bool


@auth.authenticate
async def authenticate(scope: dict[str, Any]) -> User:
    """Return who sent a request."""
    try:
        owner = await asyncio.to_thread(requester, scope)
    except RefusedError as error:
        raise Auth.exceptions.HTTPException(status_code=error.status, detail=str(error)) from None
    return User(identity=owner, is_authenticated=owner != NOBODY)


@auth.on
async def refuse(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> bool:
    """Refuse what no rule below knows."""
    return ctx.user.identity == NOBODY


@auth.on(resources=["threads", "crons", "assistants"])
async def own(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Auth.types.FilterType | None:
    """Mark what is written with its owner, and show owners only what is theirs. Runs are actions on threads."""
    owner = ctx.user.identity
    if owner == NOBODY:
        return None
    if ctx.action in WRITES:
        # The server goes on with this very object.
        metadata = value.get("metadata")
        if metadata is None:
            metadata = value["metadata"] = {}
        metadata["owner"] = owner
    return {"owner": owner}


@auth.on(resources="assistants", actions=["read", "search"])
async def shared(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """Show assistants to everybody who has a key."""


@auth.on.store
async def scoped(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """Begin every namespace of the store with its owner."""
    owner = ctx.user.identity
    namespace = tuple(value.get("namespace") or ())
    if owner != NOBODY and namespace[:1] != (owner,):
        value["namespace"] = (owner, *namespace)
