"""Middleware for what LangGraph Server answers without authentication: `/info`, `/metrics`, `langgraph dev`'s own."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import NOBODY, RefusedError, Requester, requester

DEVELOPERS = ("/internal", "/deploy")
"""Beginnings of `langgraph dev`'s own paths, which know no owners: they show and delete everybody's threads."""


class Guard:
    """Asks who sent a request where nothing before it did; routes behind it have `request.user`.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be answered."""
        if scope["type"] == "http" and "user" not in scope:
            try:
                scope["user"] = Requester(await _owner(scope))
            except RefusedError as error:
                await JSONResponse({"detail": str(error)}, error.status)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _owner(scope: Scope) -> str:
    # The server's own calls have this root path, which no request can set.
    if str(scope.get("root_path", "")).startswith("/noauth"):
        return NOBODY
    owner = await asyncio.to_thread(requester, scope)
    if owner != NOBODY and scope["path"].startswith(DEVELOPERS):
        raise RefusedError(404, "Not Found")
    return owner
