"""Artifacts over HTTP: `GET /artifacts/<sha256><suffix>/<name>`."""

import asyncio
from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.access import NOBODY
from tools import marks
from tools.artifacts import store
from tools.links import file_name, ref_of
from tools.outputs import SCHEME
from tools.sniff import KINDS, Kind

SHOWN = ("image", "audio", "video", "text")
"""Media that a browser shows; the others it saves."""
UNKNOWN = Kind("table", "application/octet-stream", "")
HEADERS = {
    # The address names the bytes, so they never change; only the owner's own cache may keep them.
    "Cache-Control": "private, max-age=31536000, immutable",
    # Nothing that a user or a model made may act as a page of this site.
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "
    "style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


async def get(request: Request) -> Response:
    """Send an artifact or the ranges of it that are asked for.

    `?download=1` makes a browser save it, `?name=` or a name at the end of the path says under which name.

    ---
    summary: Open an artifact
    tags: [Artifacts]
    responses:
      "200": {description: Its bytes}
      "206": {description: The ranges of its bytes that were asked for}
      "404": {description: There is no such artifact}
    """
    file = str(request.path_params["file"])
    path = await served(request, file)
    headers = {**HEADERS, "ETag": f'"{file[:64]}"'}
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    kind = KINDS.get(PurePosixPath(file).suffix, UNKNOWN)
    inline = kind.media in SHOWN and request.query_params.get("download", "0") == "0"
    name = request.path_params.get("name") or request.query_params.get("name", "")
    return FileResponse(
        path,
        headers=headers,
        media_type=kind.mime,
        filename=file_name(str(name), file),
        content_disposition_type="inline" if inline else "attachment",
    )


async def served(request: Request, file: str) -> Path:
    """Return the local file of an artifact that this request may see.

    Args:
        request: The request.
        file: Digest and suffix.

    Raises:
        HTTPException: 404 when there is no such artifact, or it is not this owner's.
        SetupError: The store cannot be read.
    """
    ref = ref_of(file)
    if ref is None:
        raise HTTPException(
            404, "An artifact's address is /artifacts/ with its 64-digit sha256 and its suffix."
        )
    kept = await asyncio.to_thread(store)
    owner = request.user.identity
    mine = owner == NOBODY or await asyncio.to_thread(marks.owns, owner, ref)
    if not mine or not await asyncio.to_thread(kept.exists, ref):
        raise HTTPException(404, f"There is no artifact {ref.removeprefix(SCHEME)}.")
    return await asyncio.to_thread(kept.path, ref)
