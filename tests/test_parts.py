"""A model that reads printed text only is chosen to read pictures, and not to describe them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script
from hub_server import HubServer, connect, serve
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image
from scripted import THREAD, context
from test_rank import model, order

from graph.agent import build
from graph.files import message
from graph.state import Request, State
from tools.artifacts import store
from tools.models import embedded_models
from tools.models.parts import lacks

Start = Callable[[Script], ChatServer]
READER = next(one for one in embedded_models() if one.id == "PP-OCR")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (20, 20), "white").save(tmp_path / "p.png")
    return tmp_path / "p.png"


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    with serve() as server:
        yield server


@pytest.mark.parametrize(
    "request_",
    [
        "Describe this picture.",
        "Describe p.png and read the description aloud",
        "Give me a caption for the photo",
        "What is in this picture?",
        "What do you see here?",
        "What's happening in the photo?",
        "Tell me what the image shows",
        "Put the image into words",
        "Write a poem about this picture",
    ],
)
def test_a_request_for_a_description_wants_more_than_reading(request_: str) -> None:
    assert lacks(READER, request_) == "PP-OCR reads printed text only: it does not see what a picture shows."
    assert lacks(model("a/captions"), request_) is None


@pytest.mark.parametrize(
    "request_",
    [
        "What does it say?",
        "What does this picture say?",
        "What is written in the picture?",
        "What is the text in this image?",
        "Read the description in the photo",
        "Describe this invoice",
        "Extract the text from the image",
        "Translate the sign",
        "Read this picture aloud",
    ],
)
def test_reading_is_enough_for_what_is_written(request_: str) -> None:
    assert lacks(READER, request_) is None


@pytest.mark.parametrize("source", ["cache", "hub"])
async def test_a_captioner_describes_and_the_reader_reads_wherever_the_captioner_lies(source: Any) -> None:
    captioner = model("a/describe-this-picture-what-does-it-say", 10**6, source=source)
    wished = {
        wish: await order(READER, captioner, request=wish)
        for wish in ("Describe this picture", "What does it say?")
    }
    assert wished["Describe this picture"] == [captioner.id, "PP-OCR"]
    assert wished["What does it say?"] == ["PP-OCR", captioner.id]


def script(body: dict[str, Any]) -> str:
    plan = {"tasks": [{"task": "image-to-text", "id": 0, "args": {"image": "p.png"}}]}
    return json.dumps(plan) if "plan" in json.dumps(body.get("response_format", "")) else "no choice"


async def chosen(server: ChatServer, photo: Path, request: str) -> State:
    """Return the state before anything runs."""
    asked = Request(messages=[message(request, [store().put(photo)])])
    run = build(InMemorySaver()).ainvoke(asked, THREAD, context=context(server, approve="models", k=5))
    return State(**{name: value for name, value in (await run).items() if not name.startswith("__")})


async def test_without_a_model_that_describes_the_user_is_told_what_to_set(
    chat_server: Start, photo: Path
) -> None:
    state = await chosen(chat_server(script), photo, "Describe this picture.")
    (note,) = state.notes
    assert note.startswith("PP-OCR reads printed text only")
    assert "There is no other model for image-to-text here." in note
    assert "HUGGINGGPT_HUB_SEARCH" in note
    assert "HF_TOKEN" in note
    assert (await chosen(chat_server(script), photo, "What does it say?")).notes == []


async def test_a_model_of_the_hub_that_describes_is_chosen_for_it(
    chat_server: Start, photo: Path, hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.add("a/captions", "image-to-text")
    connect(hub_server, monkeypatch)
    state = await chosen(chat_server(script), photo, "Describe this picture.")
    assert (state.assignments["0"].models, state.notes) == (("a/captions", "PP-OCR"), [])
    state = await chosen(chat_server(script), photo, "What does it say?")
    assert state.assignments["0"].models[0] == "PP-OCR"
