"""How errors leave the routes: a status and one sentence, as LangGraph Server tells its own."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tools.errors import HuggingGPTError, InputError

STATUS: dict[type[HuggingGPTError], int] = {InputError: 422, HuggingGPTError: 503}
"""By what the caller can do: change the request, or have this server set up or come back later."""


async def told(_: Request, error: Exception) -> Response:
    """Return the response for one of our errors."""
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    return JSONResponse({"detail": str(error)}, status)


async def refused(_: Request, error: Exception) -> Response:
    """Return the response for a request that no route takes as it is."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


async def gone(_: Request, __: Exception) -> Response:
    """Return what nobody reads: the client went before the response."""
    return Response(status_code=499)
