"""The same routes and keys on Aegra, which serves LangGraph graphs without a licence; `aegra.json` names what is here.

Aegra takes in FastAPI applications only, and tells whoever authenticates nothing but the headers. So the guard stands
before everything and looks at connections and keys; `authenticate` then says whose key it was. Aegra itself keeps the
threads of its users apart.
"""

from typing import Any

from fastapi import FastAPI
from langgraph_sdk import Auth
from starlette.middleware import Middleware

from app import web
from app.auth import User
from app.auth import authenticate as authenticated
from app.guard import Guard

HERE = ("127.0.0.1", 0)
"""Both ends of a connection, which the guard has looked at already."""

auth = Auth()
app = FastAPI(
    title="HuggingGPT",
    routes=web.routes(),
    middleware=[Middleware(Guard)],
    exception_handlers=dict(web.app.exception_handlers),
)


@auth.authenticate
async def authenticate(headers: dict[str, str]) -> User:
    """Return who sent a request that the guard has let in."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    ends = {"server": HERE, "client": HERE}
    scope: dict[str, Any] = {"type": "http", "path": "/threads", "query_string": b"", "headers": raw, **ends}
    return {**await authenticated(scope), "is_authenticated": True}
