"""Uploads and health over HTTP."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage
from starlette.schemas import SchemaGenerator
from test_web_artifacts import BYTES

from app.web import routes
from graph.files import files_of
from graph.uploads import taken_in
from tools.artifacts import store
from tools.place import Place
from tools.settings import settings

pytestmark = pytest.mark.usefixtures("no_blocking")


async def test_a_body_becomes_a_block_for_a_message(client: httpx.AsyncClient) -> None:
    response = await client.post("/artifacts", params={"name": "cat.png"}, content=BYTES)
    assert response.status_code == 201
    request = HumanMessage([{"type": "text", "text": "What is it?"}, response.json()])
    assert await taken_in([request]) == [request]
    assert [file.name for file in files_of([request])] == ["cat.png"]
    assert (await client.get(response.headers["Location"])).content == BYTES


async def test_a_name_may_come_as_a_header_or_not_at_all(client: httpx.AsyncClient) -> None:
    header = {"Content-Disposition": "attachment; filename*=utf-8''%C3%BCber.png"}
    named = await client.post("/artifacts", headers=header, content=BYTES)
    nameless = await client.post("/artifacts", content=BYTES)
    assert named.json()["extras"]["artifact"]["name"] == "über.png"
    assert nameless.json()["extras"]["artifact"]["name"] == "file.png"


async def test_a_form_is_taken_where_it_can_be_read(client: httpx.AsyncClient) -> None:
    response = await client.post("/artifacts", files={"file": ("../cat.png", BYTES, "text/html")})
    if importlib.util.find_spec("python_multipart") is None:
        assert response.status_code == 415
        assert "hugginggpt[server]" in response.json()["detail"]
        return
    assert response.status_code == 201
    assert response.json()["mime_type"] == "image/png"
    assert response.json()["extras"]["artifact"]["name"] == "cat.png"
    empty = await client.post("/artifacts", data={"a": "b"}, files=[("c", (None, b"d"))])
    assert (empty.status_code, empty.json()["detail"][:21]) == (400, "The form has no file:")


@pytest.mark.parametrize(
    ("body", "name", "reason"),
    [
        (b"", "a.png", "a.png is empty"),
        (BYTES[:400], "a.png", "broken"),
        (b"%PDF-1.7", "a.pdf", "is a PDF"),
        (b"\x7fELF\x02\x01\x01\x00" + bytes(500), "a", "no known kind"),
        (BYTES, "a.wav", "is named like audio/x-wav but holds image/png"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused(
    client: httpx.AsyncClient, body: bytes, name: str, reason: str
) -> None:
    response = await client.post("/artifacts", params={"name": name}, content=body)
    assert response.status_code == 422
    assert reason in response.json()["detail"]


@pytest.mark.parametrize("says_its_size", [True, False])
async def test_a_file_over_the_limit_is_refused_while_it_comes(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, says_its_size: bool
) -> None:
    monkeypatch.setenv("HUGGINGGPT_MAX_FILE_MB", "1")
    settings.cache_clear()
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield bytes(100_000)

    content: Any = bytes(1_200_000) if says_its_size else chunks()
    response = await client.post("/artifacts", content=content)
    assert response.status_code == 413
    assert "HUGGINGGPT_MAX_FILE_MB" in response.json()["detail"]
    assert sent < 15


async def test_health(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == response.json()["artifacts"] == "ok"
    assert response.json()["version"]


async def test_health_fails_without_a_store(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "no folder")
    monkeypatch.setenv("HUGGINGGPT_ARTIFACTS", str(tmp_path / "file/artifacts"))
    settings.cache_clear()
    store.cache_clear()
    response = await client.get("/health")
    assert (response.status_code, response.json()["artifacts"]) == (503, "not usable")
    assert str(tmp_path) not in response.text


async def test_health_does_not_wait_for_a_store_that_hangs(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from time import sleep

    from app.routes import health

    monkeypatch.setattr(health, "SECONDS", 0.1)
    monkeypatch.setattr(Place, "check", lambda self: sleep(0.5))
    answers = await asyncio.gather(*(client.get("/health") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {503}
    assert all("no answer" in answer.json()["artifacts"] for answer in answers)


def test_every_route_is_described_in_the_servers_documentation() -> None:
    """LangGraph Server reads the part of a docstring after `---` as OpenAPI."""
    paths = SchemaGenerator({}).get_schema(routes())["paths"]
    described = [method for path in paths.values() for method in path.values()]
    assert len(described) == len(routes())
    assert all(one["summary"] and one["tags"] and one["responses"] for one in described)
