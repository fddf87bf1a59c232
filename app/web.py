"""The routes that LangGraph Server takes in beside its own (`http.app` in langgraph.json); docs/http.md tells them."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from app.guard import Guard
from app.routes import artifacts, errors
from tools.errors import HuggingGPTError


def routes() -> list[BaseRoute]:
    """Return the table of routes."""
    return [
        Route("/artifacts/{file}", artifacts.get, methods=["GET"]),
        Route("/artifacts/{file}/{name}", artifacts.get, methods=["GET"]),
    ]


app = Starlette(
    routes=routes(),
    middleware=[Middleware(Guard)],
    exception_handlers={HuggingGPTError: errors.told, HTTPException: errors.refused},
)
"""The application. The server that mounts it adds its own routes to it."""
