"""`GET /health` for load balancers: whether this process can take requests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tools.artifacts import store
from tools.errors import SetupError

VERSION = version("hugginggpt")
SECONDS = 2.0
"""How long the artifact store may take to answer."""
# One thread of its own: a store that hangs takes none of those that do the work.
_checks = ThreadPoolExecutor(1, "health")


async def get(_: Request) -> Response:
    """Tell whether the artifact store can be used: 200, or 503 with a word about what is wrong.

    ---
    summary: Health of this process
    tags: [System]
    responses:
      "200": {description: It can take requests}
      "503": {description: The artifact store cannot be used}
    """
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.get_running_loop().run_in_executor(_checks, _check)
    except SetupError:
        artifacts = "not usable"
    except TimeoutError:
        artifacts = f"no answer in {SECONDS:g} s"
    else:
        artifacts = "ok"
    good = artifacts == "ok"
    told = {"status": "ok" if good else "failing", "artifacts": artifacts, "version": VERSION}
    return JSONResponse(told, 200 if good else 503, headers={"Cache-Control": "no-store"})


def _check() -> None:
    store().place.check()
