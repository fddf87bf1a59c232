"""The routes that LangGraph Server takes in beside its own (`http.app` in langgraph.json); docs/http.md tells them."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route

from app.guard import Guard
from app.routes import artifacts, errors, health, jarvis, uploads
from tools.errors import HuggingGPTError


def routes() -> list[BaseRoute]:
    """Return the table of routes."""
    return [
        Route("/health", health.get, methods=["GET"]),
        Route("/artifacts", uploads.post, methods=["POST"]),
        Route("/artifacts/{file}", artifacts.get, methods=["GET"]),
        Route("/artifacts/{file}/{name}", artifacts.get, methods=["GET"]),
        Route("/hugginggpt", jarvis.hugginggpt, methods=["POST"]),
        Route("/tasks", jarvis.tasks, methods=["POST"]),
        Route("/results", jarvis.results, methods=["POST"]),
    ]


app = Starlette(
    routes=routes(),
    middleware=[Middleware(Guard)],
    exception_handlers={
        HuggingGPTError: errors.told,
        HTTPException: errors.refused,
        ClientDisconnect: errors.gone,
    },
)
"""The application. The server that mounts it adds its own routes to it."""
