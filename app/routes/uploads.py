"""Uploads: `POST /artifacts` takes a file and answers with the block that refers to it in a message."""

import asyncio
import importlib.util
import shutil
from email.message import Message
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.access import NOBODY
from app.routes.bodies import bounded
from graph.files import block
from tools import marks
from tools.artifacts import plain_name, store
from tools.ingest import ingest, scratch, with_suffix
from tools.links import ROUTE
from tools.outputs import SCHEME

FORM = "multipart/form-data"


async def post(request: Request) -> Response:
    """Take a file, as a form's `file` or as the whole body, with the checks that every input gets.

    Returns:
        201 with a content block for a message, and the artifact's path as `Location`.

    Raises:
        HTTPException: 400 for a form without a file, 413 for too many bytes, 415 for a form that cannot be read here.
        InputError: The file cannot be used.

    ---
    summary: Upload a file
    tags: [Artifacts]
    requestBody:
      content:
        application/octet-stream: {schema: {type: string, format: binary}}
        multipart/form-data: {schema: {type: object, properties: {file: {type: string, format: binary}}}}
    responses:
      "201": {description: The content block that refers to it in a message}
      "413": {description: It is too large}
      "422": {description: It cannot be used}
    """
    request = bounded(request)
    async with scratch() as folder:
        saves = _form if request.headers.get("Content-Type", "").startswith(FORM) else _body
        file = await saves(request, folder)
        artifact = with_suffix(await ingest(file, await asyncio.to_thread(store)))
    if (owner := request.user.identity) != NOBODY:
        await asyncio.to_thread(marks.claim, owner, artifact.ref)
    location = f"/{ROUTE}/{artifact.ref.removeprefix(SCHEME)}"
    return JSONResponse(block(artifact), 201, headers={"Location": location})


async def _form(request: Request, folder: Path) -> Path:
    """Save the file of a form."""
    if importlib.util.find_spec("python_multipart") is None:
        raise HTTPException(
            415,
            "Forms cannot be read here: install the extra with `pip install 'hugginggpt[server]'`, "
            "or send the file as the body with ?name=.",
        )
    async with request.form(max_files=1, max_fields=10) as form:
        sent = next((value for value in form.values() if isinstance(value, UploadFile)), None)
        if sent is None:
            raise HTTPException(400, "The form has no file: send one as the field `file`.")
        file = folder / plain_name(sent.filename or "")
        await asyncio.to_thread(_copy, sent, file)
    return file


def _copy(sent: UploadFile, file: Path) -> None:
    with file.open("wb") as target:
        shutil.copyfileobj(sent.file, target)


async def _body(request: Request, folder: Path) -> Path:
    """Save the whole body."""
    file = folder / plain_name(request.query_params.get("name") or _file_name(request))
    with await asyncio.to_thread(file.open, "wb") as target:
        async for chunk in request.stream():
            await asyncio.to_thread(target.write, chunk)
    return file


def _file_name(request: Request) -> str:
    """Return the file name in `Content-Disposition`, as RFC 6266 has it; empty when there is none."""
    header = Message()
    header["Content-Disposition"] = request.headers.get("Content-Disposition", "inline")
    return header.get_filename("")
