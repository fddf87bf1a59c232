"""Files inside of messages: what is taken in, what is refused, and what checkpoints hold."""

import asyncio
import base64
import io
import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import soundfile
from chat_server import ChatServer, Script, said
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from loopback import listening
from PIL import Image
from scripted import THREAD, context, echo, scripted

from graph import uploads
from graph.agent import build
from graph.files import block, files_of, message
from graph.state import Request, State
from graph.uploads import taken_in
from tools.artifacts import store
from tools.errors import InputError
from tools.outputs import Artifact
from tools.settings import settings

pytestmark = pytest.mark.usefixtures("no_blocking")

Start = Callable[[Script], ChatServer]


def picture(form: str = "PNG", side: int = 32) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((side, side), 50).save(file, form)
    return file.getvalue()


def sound() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, [0.1, -0.1] * 800, 16_000, format="WAV")
    return file.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG, WAV, CSV = picture(), sound(), b"a,b\n1,2\n3,4\n"
PNG64, WAV64, CSV64 = map(encoded, (PNG, WAV, CSV))


@pytest.fixture
def address() -> Iterator[str]:
    """Serve the picture on loopback."""

    class Picture(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PNG)

    with listening(Picture) as served:
        yield f"{served}/cat.png"


async def taken(*parts: dict[str, Any]) -> list[Artifact]:
    request = HumanMessage([{"type": "text", "text": "Look."}, *parts], id="1")
    (made,) = await taken_in([request])
    assert made.id == "1"
    assert made.text == "Look."
    return files_of([made])


@pytest.mark.parametrize(
    ("part", "name", "data"),
    [
        ({"type": "image", "base64": PNG64, "mime_type": "image/png"}, "image.png", PNG),
        ({"type": "image", "url": f"data:image/png;base64,{PNG64}"}, "image.png", PNG),
        ({"type": "audio", "base64": WAV64, "extras": {"name": "memo.wav"}}, "memo.wav", WAV),
        ({"type": "file", "base64": CSV64, "filename": "t.csv"}, "t.csv", CSV),
        ({"type": "text-plain", "text": "Hello there.", "title": "note.md"}, "note.md", b"Hello there."),
        # LangChain's first form, as agent-chat-ui sends it; and its JavaScript form.
        (
            {"type": "image", "source_type": "base64", "data": PNG64, "metadata": {"name": "c.png"}},
            "c.png",
            PNG,
        ),
        (
            {"type": "audio", "source_type": "base64", "data": WAV64, "mime_type": "audio/wav"},
            "audio.wav",
            WAV,
        ),
        (
            {"type": "file", "mimeType": "text/csv", "data": CSV64, "metadata": {"filename": "t.csv"}},
            "t.csv",
            CSV,
        ),
        # OpenAI's form, as Studio sends it.
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG64}"}}, "image.png", PNG),
        ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG64}"}, "image.png", PNG),
        ({"type": "input_audio", "input_audio": {"data": WAV64, "format": "wav"}}, "audio.wav", WAV),
        (
            {"type": "file", "file": {"file_data": f"data:text/csv;base64,{CSV64}", "filename": "t.csv"}},
            "t.csv",
            CSV,
        ),
        # Anthropic's form.
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
            "image.png",
            PNG,
        ),
    ],
)
async def test_a_file_is_moved_to_the_store(part: dict[str, Any], name: str, data: bytes) -> None:
    (artifact,) = await taken(part)
    assert artifact.name == name
    path = await asyncio.to_thread(store().path, artifact.ref)
    assert await asyncio.to_thread(path.read_bytes) == data


@pytest.mark.parametrize(
    "form",
    [
        lambda url: {"type": "image", "url": url},
        lambda url: {"type": "image_url", "image_url": {"url": url}},
        lambda url: {"type": "image", "source_type": "url", "url": url},
    ],
)
async def test_an_address_is_fetched_when_it_is_allowed(
    form: Callable[[str], dict[str, Any]], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"Part 2 of the message \(image.*HUGGINGGPT_ALLOW_PRIVATE_URLS=1"):
        await taken(form(address))
    monkeypatch.setenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", "1")
    settings.cache_clear()
    (artifact,) = await taken(form(address))
    assert (artifact.name, artifact.mime) == ("cat.png", "image/png")


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"type": "image", "base64": "no base64!"}, "not valid base64"),
        ({"type": "image", "base64": encoded(PNG[:400])}, "broken"),
        ({"type": "file", "base64": encoded(b"%PDF-1.7 "), "filename": "a.pdf"}, "a.pdf is a PDF"),
        ({"type": "image", "base64": WAV64, "extras": {"name": "a.png"}}, "named like image/png"),
        ({"type": "image"}, "neither base64 data nor"),
        ({"type": "image", "url": "file:///etc/passwd"}, "neither base64 data nor"),
        ({"type": "image", "url": "/etc/passwd"}, "neither base64 data nor"),
        ({"type": "image", "file_id": "file-1"}, "neither base64 data nor"),
        ({"type": "image", "source": "x"}, "neither base64 data nor"),
        ({"type": "image", "source_type": "base64"}, "neither base64 data nor"),
        ({"type": "tool_result", "content": []}, "a message takes text and image"),
        ({"no": "type"}, "a message takes text and image"),
        ({"type": "image", "url": "artifact://x"}, "no such artifact"),
        ({"type": "image", "url": f"artifact://{'0' * 64}.png"}, "no such artifact"),
    ],
)
async def test_a_file_that_cannot_be_used_is_told(part: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=f"Part 2 of the message .*{reason}"):
        await taken(part)


async def test_a_file_over_the_limit_is_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_MAX_FILE_MB", "1")
    settings.cache_clear()
    with pytest.raises(InputError, match="HUGGINGGPT_MAX_FILE_MB"):
        await taken({"type": "image", "base64": "!" * 1_500_000})


async def test_base64_is_decoded_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK", 50)
    (artifact,) = await taken({"type": "image", "base64": base64.encodebytes(PNG).decode()})
    path = await asyncio.to_thread(store().path, artifact.ref)
    assert await asyncio.to_thread(path.read_bytes) == PNG
    with pytest.raises(InputError, match="not valid base64"):
        await taken({"type": "image", "base64": PNG64.rstrip("=")[:-1]})


async def test_nobody_waits_for_the_other_files_when_one_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUGGINGGPT_ALLOW_PRIVATE_URLS", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings.cache_clear()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = {"type": "image", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/cat.png"}
        with pytest.raises(InputError, match="Part 3 of the message"):
            async with asyncio.timeout(10):
                await taken(address, {"type": "image", "base64": "no base64!"}, address)
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == [], "what was fetched is thrown away"


async def test_what_a_client_says_of_an_artifact_is_not_believed() -> None:
    artifact = await asyncio.to_thread(store().put_bytes, PNG, "cat.png")
    lies = {"artifact": {**artifact.model_dump(), "media": "audio", "sha256": "0" * 64, "name": "../x\n.png"}}
    for extras in (lies, {}, {"artifact": "x"}, None):
        (known,) = await taken({"type": "audio", "url": artifact.ref, "extras": extras})
        assert known.model_copy(update={"name": ""}) == artifact.model_copy(update={"name": ""})
        assert "\n" not in known.name
        assert "/" not in known.name


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image", "base64": PNG64, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG64}"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
    ],
)
@pytest.mark.parametrize("other", [AIMessage, partial(ToolMessage, tool_call_id="1")])
async def test_bytes_of_others_messages_are_moved_as_well(
    part: dict[str, Any], other: Callable[..., AnyMessage]
) -> None:
    drawn = other([{"type": "text", "text": "Here."}, part], id="1")
    _, made, _ = await taken_in([HumanMessage("Draw."), drawn, HumanMessage("Again.")])
    (artifact,) = files_of([made])
    path = await asyncio.to_thread(store().path, artifact.ref)
    assert await asyncio.to_thread(path.read_bytes) == PNG
    assert (made.id, made.type, made.text) == ("1", drawn.type, "Here.")


async def test_nothing_else_of_others_messages_changes() -> None:
    answer = AIMessage(
        [
            "Look.",
            {"type": "image", "url": "http://127.0.0.1:1/cat.png"},
            {"type": "reasoning", "reasoning": "A cat?"},
            {"type": "tool_use", "id": "1", "name": "draw", "input": {"data": PNG64[:8]}},
            {"type": "image", "file_id": "file-1"},
        ]
    )
    given: list[AnyMessage] = [HumanMessage("Draw."), answer, HumanMessage("Again.")]
    made = await taken_in(given)
    assert all(old is new for old, new in zip(given, made, strict=True))


async def test_a_bad_file_of_an_earlier_message_does_not_end_the_conversation() -> None:
    bad = HumanMessage([{"type": "image", "base64": encoded(PNG[:400])}], id="1")
    first, _ = await taken_in([bad, HumanMessage("And now?", id="2")])
    assert first.id == "1"
    assert "Part 1 of the message (image) cannot be used" in str(first.text)


async def test_checkpoints_after_the_plan_hold_no_bytes(chat_server: Start) -> None:
    """Measure what is stored for a picture of 1 MB over a run of two tasks."""
    server = chat_server(scripted([echo("first"), echo("second", 0)], lambda body: "ok"))
    data = encoded(await asyncio.to_thread(picture, "BMP", 1000))
    saver = InMemorySaver()
    history = [
        HumanMessage("Draw.", id="2"),
        AIMessage([{"type": "text", "text": "Here."}, {"type": "image", "base64": data}], id="3"),
    ]
    request = HumanMessage([{"type": "text", "text": "Do it."}, {"type": "image", "base64": data}], id="1")
    agent = build(saver)
    streamed = [
        json.dumps(payload, default=str)
        async for payload in agent.astream(
            Request(messages=[*history, request]), THREAD, context=context(server), stream_mode="messages"
        )
    ]
    assert not any(data[:100] in item for item in streamed)
    state = State.model_validate((await agent.aget_state(THREAD)).values)
    assert [item.type for item in state.messages] == ["human", "ai", "human", "ai"]
    assert [len(files_of([item])) for item in state.messages[1:3]] == [1, 1]
    assert {file.mime for file in files_of(state.messages[:3])} == {"image/bmp"}
    kept = [json.dumps(one.checkpoint, default=str) for one in saver.list(THREAD)][::-1]
    sizes = [len(one) for one in kept]
    assert [data[:100] in one for one in kept[:2]] == [True, True]
    assert not any(data[:100] in one for one in kept[2:])
    assert max(sizes[2:]) < 20_000


async def test_the_planner_reads_the_names_of_uploads(chat_server: Start) -> None:
    server = chat_server(lambda body: '{"tasks": []}' if "response_format" in body else "A cat.")
    request = HumanMessage(
        [
            {"type": "text", "text": "What is it?"},
            {"type": "image", "base64": PNG64, "extras": {"name": "c.png"}},
        ]
    )
    await build().ainvoke(Request(messages=[request]), context=context(server))
    assert all("[file: c.png]" in said(body) for body in server.requests)
    assert not any(PNG64[:60] in json.dumps(body) for body in server.requests)


async def test_a_reference_in_a_new_message_stays_the_same_object() -> None:
    artifact = await asyncio.to_thread(store().put_bytes, PNG, "cat.png")
    request = message("Look.", [artifact])
    assert (await taken_in([request]))[0] is request
    assert block(artifact) in request.content
