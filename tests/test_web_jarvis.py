"""The original JARVIS server's routes."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chat_server import ChatServer, Reply, Script, said
from scripted import echo, scripted
from test_web_artifacts import BYTES
from web_client import BASE

from app.routes.jarvis_results import addressed
from graph.state import State
from tools.artifacts import store
from tools.outputs import SCHEME
from tools.settings import settings

pytestmark = pytest.mark.usefixtures("no_blocking")

Start = Callable[[Script], ChatServer]
KEYS = {"api_key": "sk-of-the-client", "api_type": "openai", "api_endpoint": "https://x.test/v1"}


@pytest.fixture
def start(chat_server: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the chat model that this server is set up with."""

    def started(script: Script) -> ChatServer:
        server = chat_server(script)
        for name, value in {"MODEL": server.url, "K": "1", "MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(f"HUGGINGGPT_{name}", value)
        return server

    return started


def body(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)], **KEYS}


async def test_a_request_is_answered(
    client: httpx.AsyncClient, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = start(scripted([echo("first"), echo("second", 0)], lambda _: "ok"))
    response = await client.post("/hugginggpt", json=body("Do it."))
    assert response.status_code == 200
    assert response.json().keys() == {"message"}
    assert response.json()["message"].startswith("Done.")
    assert "| 1 | question-answering |" in response.json()["message"]
    told = caplog.text + response.text + json.dumps([server.requests, server.headers, server.keys])
    assert KEYS["api_key"] not in told


async def test_the_plan_comes_in_the_originals_form(client: httpx.AsyncClient, start: Start) -> None:
    server = start(scripted([echo("first"), echo("second", 0)], lambda _: "ok"))
    assert (await client.post("/tasks", json=body("Do it."))).json() == [
        {"task": "question-answering", "id": 0, "dep": [-1], "args": {"question": "first", "context": "it"}},
        {
            "task": "question-answering",
            "id": 1,
            "dep": [0],
            "args": {"question": "second", "context": "<GENERATED>-0"},
        },
    ]
    assert len(server.requests) == 1


async def test_results_come_by_task_with_what_each_task_got(client: httpx.AsyncClient, start: Start) -> None:
    def answer(asked: dict[str, Any]) -> Reply | str:
        return Reply(status=400, text="No.") if "third" in said(asked) else "forty-two"

    server = start(scripted([echo("first"), echo("second", 0), echo("third"), echo("fourth", 2)], answer))
    results = (await client.post("/results", json=body("Do it."))).json()
    assert results.keys() == {"0", "1", "2", "3"}
    assert results["0"]["inference result"] == {"generated text": "forty-two"}
    assert results["1"]["task"]["args"] == {"question": "second", "context": "forty-two"}
    assert results["1"]["choose model result"]["id"] == server.url
    assert results["1"]["choose model result"]["reason"]
    assert results["2"]["inference result"]["error"]["message"]
    assert results["3"]["task"]["args"]["context"] == "<GENERATED>-2"
    assert "error" in results["3"]["inference result"]


@pytest.mark.parametrize("route", ["/hugginggpt", "/tasks", "/results"])
async def test_conversation_is_a_message_everywhere(
    client: httpx.AsyncClient, start: Start, route: str
) -> None:
    server = start(lambda asked: '{"tasks": []}' if "response_format" in asked else "Hello.")
    reply = await client.post(route, json=body("Hi.", "Hi!", "How are you?"))
    assert reply.json()["message"].strip() == "Hello."
    assert len(server.requests) == 2


async def test_an_error_is_a_message_too(client: httpx.AsyncClient, start: Start) -> None:
    start(lambda _: Reply(status=401))
    reply = await client.post("/hugginggpt", json=body("Hi."))
    assert (reply.status_code, reply.json().keys()) == (200, {"message"})
    assert "refused" in reply.json()["message"] or "key" in reply.json()["message"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"messages": []}', b'{"messages": [{"role": "x"}]}'])
async def test_a_body_of_another_shape_is_told(client: httpx.AsyncClient, data: bytes) -> None:
    reply = await client.post("/hugginggpt", content=data)
    assert reply.status_code == 400
    assert reply.json()["message"].startswith("The request is not valid: ")


async def test_pictures_go_in_and_out_as_links(
    client: httpx.AsyncClient, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edges of a picture are found by a real expert, from a link of ours and back to one."""
    pytest.importorskip("cv2", reason="the extra vision is not installed")
    task = {"task": "canny-control", "args": {"image": "a cat.png"}}
    server = start(scripted([task], lambda _: ""))
    kept = await asyncio.to_thread(store().put_bytes, BYTES, "a cat.png")
    given = f"{BASE}/artifacts/{kept.ref.removeprefix(SCHEME)}/a%20cat.png"
    asked = body(f"Find the edges of {given}, please.")
    message = (await client.post("/hugginggpt", json=asked)).json()["message"]
    assert "the edges of a cat.png, please" in said(server.requests[0])
    (address,) = re.findall(rf"!\[canny\.png\]\(({BASE}/artifacts/[^)]+)\)", message)
    assert (await client.get(address)).headers["Content-Type"] == "image/png"
    # The same with an address that is set, and from the answer's own link in a later turn.
    monkeypatch.setenv("HUGGINGGPT_PUBLIC_URL", BASE)
    settings.cache_clear()
    task["args"] = {"image": "canny.png"}
    server.script = scripted([task], lambda _: "")
    results = (await client.post("/results", json=body("Edges.", message, "And of the edges?"))).json()
    assert results["0"]["task"]["args"] == {"image": address}
    made = results["0"]["inference result"]["generated image"]
    assert (await client.get(made)).headers["Content-Type"] == "image/png"


async def test_a_client_that_goes_stops_the_run(start: Start) -> None:
    from app.web import app

    server = start(scripted([echo("slow")], lambda _: Reply("late", pause=0.4)))
    sent = [
        {"type": "http.request", "body": json.dumps(body("Do it.")).encode(), "more_body": False},
    ]
    asked = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        while len(server.requests) < 2:
            await asyncio.sleep(0.01)
        asked.set()
        return {"type": "http.disconnect"}

    replies: list[Any] = []

    async def send(message: Any) -> None:
        replies.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/hugginggpt", "raw_path": b"/hugginggpt", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")], "scheme": "http", "root_path": "",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 50_000),
    }  # fmt: skip
    await app(scope, receive, send)
    assert asked.is_set()
    assert replies[0]["status"] == 499
    await asyncio.sleep(0.6)
    # The answer would have been asked for next.
    assert len(server.requests) == 2


def test_only_files_of_the_conversation_are_linked() -> None:
    theirs = f"{SCHEME}{'0' * 64}.txt"
    written = {"task": "summarization", "id": 0, "dep": [-1], "args": {"text": theirs}}
    assert addressed(written, State(), BASE) == written
