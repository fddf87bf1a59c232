"""The application's routes in process, with nothing but the transport replaced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.web import app

BASE = "http://127.0.0.1"


@asynccontextmanager
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of the routes; errors that no handler takes are raised in the test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, timeout=20) as client:
        yield client
