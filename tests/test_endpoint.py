"""Endpoints: the real client against a loopback server that speaks the inference protocol, without any token."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import TOKEN, Answer, HubServer
from provider_cases import REPLIES, TASK, chat, inputs, providers, script

from tools.errors import AuthError, ModelError, NotServedError, SetupError, TimeLimitError, TransientError
from tools.experts.engine import Job
from tools.experts.provider import run_endpoint
from tools.experts.provider_servers import token_for
from tools.experts.provider_tasks import AT_ENDPOINTS
from tools.outputs import Draft

OTHERS: dict[str, tuple[Any, str, Any]] = {
    "text-to-audio": REPLIES["text-to-speech"],
    "tabular-regression": ([1.5, 2], "1.5\n2", [{"prediction": 1.5}, {"prediction": 2}]),
}
"""What endpoints can do and providers cannot."""
ALL = REPLIES | OTHERS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with providers(monkeypatch) as running:
        yield running


async def ask(url: str, task: str, folder: Path, timeout: float = 20, **more: str) -> Draft:
    job = Job(task=task, model=None, inputs={**inputs(task, folder), **more}, out=folder)
    return await run_endpoint(url, job, timeout)


def wire(task: str) -> Any:
    return chat("Well.") if task in ("text-generation", "conversational") else ALL[task][0]


@pytest.mark.parametrize("task", AT_ENDPOINTS)
async def test_every_task_is_done_and_no_token_is_sent(server: HubServer, tmp_path: Path, task: str) -> None:
    server.script = lambda call: Answer(wire(task))
    draft = await ask(server.url, task, tmp_path)
    _, text, data = ALL[task]
    assert (draft.text == text and json.loads(json.dumps(draft.data)) == data) or draft.text == "Well."
    (call,) = server.calls
    assert "authorization" not in call.headers
    assert TOKEN not in str(call.headers)
    assert not server.infos + server.listings, "the Hub knows nothing of it"


def test_the_token_goes_to_hugging_face_alone(server: HubServer) -> None:
    for host in ("abc.us-east-1.aws.endpoints.huggingface.cloud", "router.huggingface.co", "huggingface.co"):
        assert token_for(f"https://{host}/x") == TOKEN
        assert token_for(f"http://{host}/x") is None, "not where others can read it"
    for url in (
        server.url,
        "https://example.org/huggingface.co",
        "https://evilhuggingface.co",
        "https://huggingface.co.example.org",
        "https://huggingface.co@example.org",
        "https://example.org/?.huggingface.co",
    ):
        assert token_for(url) is None


async def test_a_server_that_only_chats_sees(server: HubServer, tmp_path: Path) -> None:
    server.script = lambda call: chat("A cat.") if call.path == "/v1/chat/completions" else Answer(b"", 405)
    assert (await ask(server.url, "image-to-text", tmp_path)).text == "A cat."
    assert len(server.calls) == 2
    assert (await ask(f"{server.url}/v1", "image-to-text", tmp_path)).text == "A cat."
    assert len(server.calls) == 3, "an address of chat is asked for nothing else"


async def test_a_server_that_does_not_chat_continues(server: HubServer, tmp_path: Path) -> None:
    server.script = script(Answer(b"", 404), {"generated_text": "More."})
    assert (await ask(server.url, "text-generation", tmp_path)).text == "More."


async def test_a_server_of_embeddings_compares(server: HubServer, tmp_path: Path) -> None:
    server.script = script(Answer({"error": "no"}, 422), [[1, 0], [0, 1]])
    assert (await ask(server.url, "sentence-similarity", tmp_path)).data == {"score": 0.0}


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(b"", 401), AuthError, "HF_TOKEN is sent to Hugging Face alone"),
        (Answer(b"", 403), AuthError, "HF_TOKEN is sent to Hugging Face alone"),
        (Answer(b"", 402), ModelError, "status 402"),
        (Answer(b"", 404), NotServedError, "is not served"),
        (Answer({"error": "bad"}, 400), ModelError, "refused the request .*bad"),
        (Answer(b"", 503), TransientError, "starting"),
        (Answer(b"<html>"), ModelError, "no usable reply"),
        (Answer(b"[", cut=True), TransientError, "cut the connection"),
    ],
)
async def test_failures_say_no_secret_of_the_address(
    server: HubServer, tmp_path: Path, answer: Answer, error: type[Exception], says: str
) -> None:
    server.script = lambda call: answer
    url = f"{server.url.replace('//', '//me:secretword@')}/secretword?key=secretword"
    with pytest.raises(error, match=f"Endpoint 127.0.0.1:.*{says}") as caught:
        await ask(url, TASK, tmp_path)
    assert type(caught.value) is error
    assert "secretword" not in str(caught.value)
    assert TOKEN not in str(caught.value)


async def test_a_hang_ends_with_the_time_limit(server: HubServer, tmp_path: Path) -> None:
    server.script = lambda call: Answer(b"", pause=2)
    with pytest.raises(TimeLimitError, match="raise the time limit"):
        await ask(server.url, TASK, tmp_path, timeout=0.3)


async def test_a_busy_endpoint_is_asked_again(server: HubServer, tmp_path: Path) -> None:
    answers = [Answer(b"", 503), Answer(REPLIES[TASK][0])]
    server.script = lambda call: answers.pop(0)
    assert (await ask(server.url, TASK, tmp_path)).text.startswith("dog")


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org", "https://", "https://a:b:c", ""])
async def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(SetupError, match="starts with https"):
        await ask(url, TASK, tmp_path)


async def test_what_no_endpoint_is_asked_for(server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(NotServedError, match="depth-estimation"):
        await ask(server.url, "depth-estimation", tmp_path)
    with pytest.raises(NotServedError, match="object-detection"):
        await ask(f"{server.url}/v1", "object-detection", tmp_path)
    assert not server.calls
