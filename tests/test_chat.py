"""Chat models by name, and the errors of their clients, with the real clients against a loopback server."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_openai import ChatOpenAI

from tools.chat import RefusedError, chat_model, translated
from tools.errors import InputError, ModelError, SetupError, TransientError
from tools.experts.chat import run_chat
from tools.experts.pieces import cut, pieces
from tools.settings import settings

Serve = Callable[[Script], ChatServer]
KEY = "secret-of-an-odd-form"


@pytest.fixture
def use_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a server the one that `openai:` models are asked at."""

    def use(url: str) -> None:
        monkeypatch.setenv("HUGGINGGPT_BASE_URL", url)
        monkeypatch.setenv("HUGGINGGPT_API_KEY", KEY)
        settings.cache_clear()

    return use


async def ask(name: str, **limits: float) -> str:
    chat = await chat_model(name, **limits)  # type: ignore[arg-type]
    with translated(chat):
        return str((await chat.ainvoke("Hello")).text)


async def test_address_with_and_without_model(chat_server: Serve) -> None:
    server = chat_server(lambda body: f"I am {body['model']}.")
    assert await ask(server.url) == "I am scripted."
    assert await ask(f"{server.url}#mine") == "I am mine."


async def test_openai_names_go_to_the_server_that_is_set(
    chat_server: Serve, use_server: Callable[[str], None]
) -> None:
    server = chat_server(lambda body: body["model"])
    use_server(server.url)
    assert await ask("openai:gpt-x") == "gpt-x"
    assert server.keys == [f"Bearer {KEY}"]


async def test_no_other_server_sees_the_key(
    chat_server: Serve, use_server: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = chat_server(lambda body: "Fine.")
    use_server("http://127.0.0.1:9/v1")
    await ask(f"{server.url}#m")
    assert server.keys == ["Bearer none"]


async def test_limits_reach_the_server(chat_server: Serve) -> None:
    server = chat_server(lambda body: "Fine.")
    await ask(f"{server.url}#m", max_tokens=17)
    assert 17 in (server.requests[0].get("max_tokens"), server.requests[0].get("max_completion_tokens"))


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(f"Incorrect API key provided: {KEY}", 401), SetupError, "HUGGINGGPT_API_KEY"),
        (Reply("no", 402), SetupError, "quota"),
        (Reply("no", 403), SetupError, "not allowed"),
        (Reply("no such model", 404), SetupError, "no model m"),
        (Reply(f"bad value {KEY}", 400), RefusedError, "bad value"),
        (Reply("No endpoints found that support tool use", 404), RefusedError, "tool use"),
        (Reply("exceed_context_size_error", 400), InputError, "too long"),
        (Reply("This model's maximum context length is 8 tokens", 400), InputError, "too long"),
        (Reply("slow down", 429, {"retry-after-ms": "1"}), TransientError, "later"),
        (Reply("insufficient_quota", 429, {"retry-after-ms": "1"}), SetupError, "quota"),
        (Reply("broken", 500, {"retry-after-ms": "1"}), TransientError, "status 500"),
        (Reply("broken", 503, {"retry-after-ms": "1"}), TransientError, "status 503"),
    ],
)
async def test_errors_of_the_server(
    chat_server: Serve, monkeypatch: pytest.MonkeyPatch, reply: Reply, kind: type[Exception], words: str
) -> None:
    monkeypatch.setenv("HUGGINGGPT_API_KEY", KEY)
    settings.cache_clear()
    server = chat_server(lambda body: reply)
    with pytest.raises(kind, match=words) as caught:
        await ask(f"{server.url}#m")
    assert type(caught.value) is kind
    assert KEY not in str(caught.value)
    assert len(server.requests) == (3 if reply.status in {429, 500, 503} else 1)


@pytest.mark.parametrize(
    "raw", ["<html>Welcome!</html>", "{}", '{"choices": null}', '{"choices": [7]}', "", "null"]
)
@pytest.mark.parametrize("structured", [False, True])
async def test_a_server_that_is_none_for_chat(chat_server: Serve, raw: str, structured: bool) -> None:
    chat = await chat_model(f"{chat_server(lambda body: Reply(raw=raw)).url}#m")
    with pytest.raises(ModelError, match=r"m (answered in a form|gave no usable)"), translated(chat):
        await (chat.bind(response_format={"type": "json_object"}) if structured else chat).ainvoke("Hello")


async def test_a_server_that_recovers_is_asked_again(chat_server: Serve) -> None:
    replies = [Reply("busy", 503, {"retry-after-ms": "1"}), Reply("Fine.")]
    server = chat_server(lambda body: replies[min(len(server.requests), 2) - 1])
    assert await ask(f"{server.url}#m") == "Fine."


async def test_a_server_that_hangs(chat_server: Serve) -> None:
    server = chat_server(lambda body: Reply("late", pause=3))
    chat = ChatOpenAI(base_url=server.url, api_key="none", model="m", timeout=0.2, max_retries=0)
    with pytest.raises(TransientError, match="in time"), translated(chat):
        await chat.ainvoke("Hello")


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1#m"])
async def test_no_server_at_the_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.chat.compatible.RETRIES", 0)
    with pytest.raises(TransientError, match="cannot be reached"):
        await ask(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai:gpt-x", "OPENAI_API_KEY"),
        ("huggingface:Qwen/Qwen3-8B", "HF_TOKEN"),
        ("azure:gpt-x", "AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY and OPENAI_API_VERSION"),
        ("anthropic:claude", "langchain-anthropic"),
        ("nosuch:model", "nosuch:model.*use `embedded`"),
    ],
)
async def test_models_that_cannot_be_used_say_what_to_set(name: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        await chat_model(name)


@pytest.mark.parametrize(
    "name", ["gpt", "", "Embedded", "embedded:x", "openai:", "huggingface: ", "http://", ":x"]
)
async def test_names_of_no_known_form_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"There is no chat model .*use `embedded`"):
        await chat_model(name)


async def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(InputError, match="HUGGINGGPT_API_KEY") as caught:
        await chat_model("http://me:secret@127.0.0.1:9/v1#x")
    assert "secret" not in str(caught.value)


def test_clients_work_in_several_event_loops(chat_server: Serve) -> None:
    server = chat_server(lambda body: "Fine.")
    assert [asyncio.run(ask(f"{server.url}#m")) for _ in range(2)] == ["Fine.", "Fine."]


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), translated(None):
        _ = 1 / 0
    with pytest.raises(InputError), translated(None):
        raise InputError("as it is")


def test_import_is_light() -> None:
    heavy = ("openai", "torch", "transformers", "langchain")
    code = f"import sys, tools.chat; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


TEXT = "The bridge is closed. " * 3


@pytest.mark.parametrize(
    ("task", "inputs", "words"),
    [
        ("summarization", {"text": TEXT}, ("Summarize", TEXT.strip())),
        ("translation", {"text": TEXT, "target_language": "French"}, ("into French", TEXT.strip())),
        ("translation", {"text": TEXT, "source_language": "Dutch"}, ("from Dutch into English",)),
        (
            "question-answering",
            {"context": TEXT, "question": "What is closed?"},
            (TEXT.strip(), "What is closed?"),
        ),
        ("text-generation", {"text": "Write a {line}"}, ("Write a {line}",)),
        ("conversational", {"text": "Hi"}, ("Hi",)),
    ],
)
async def test_language_tasks(
    chat_server: Serve, task: str, inputs: dict[str, str], words: tuple[str, ...]
) -> None:
    server = chat_server(lambda body: " The reply. ")
    assert (await run_chat(task, f"{server.url}#m", inputs)).text == "The reply."
    assert all(word in said(server.requests[0]) for word in words)


async def test_what_a_model_thinks_aloud_is_no_result(chat_server: Serve) -> None:
    server = chat_server(lambda body: "<think>Short, then.</think>\n\nThe reply.")
    assert (await run_chat("summarization", f"{server.url}#m", {"text": TEXT})).text == "The reply."


@pytest.mark.parametrize("task", ["text-classification", "zero-shot-classification"])
async def test_classification_is_held_to_its_labels(chat_server: Serve, task: str) -> None:
    server = chat_server(lambda body: '{"label": "refund"}')
    draft = await run_chat(task, f"{server.url}#m", {"text": TEXT, "labels": "praise, refund"})
    assert (draft.text, draft.data) == ("refund", {"label": "refund"})
    assert '"enum": ["praise", "refund"]' in str(server.requests[0]).replace("'", '"')
    with pytest.raises(ModelError, match="none of the labels praise, blame"):
        await run_chat(task, f"{server.url}#m", {"text": TEXT, "labels": "praise, blame"})


async def test_empty_text_and_empty_reply(chat_server: Serve) -> None:
    server = chat_server(lambda body: " ")
    with pytest.raises(InputError, match="text is empty"):
        await run_chat("summarization", server.url, {"text": " \n"})
    with pytest.raises(ModelError, match="empty answer"):
        await run_chat("summarization", server.url, {"text": TEXT})
    with pytest.raises(ModelError, match="cannot do image-to-text"):
        await run_chat("image-to-text", server.url, {"image": "x"})


async def test_long_texts_are_read_in_pieces(chat_server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.experts.chat.OTHER_BYTES", 500)
    text = " ".join(f"Sentence number {i} is here." for i in range(60))
    server = chat_server(lambda body: "Short.")
    assert (await run_chat("summarization", server.url, {"text": text})).text == "Short."
    assert all(f"number {i} is" in "".join(map(said, server.requests)) for i in range(60))
    assert max(len(said(body)) for body in server.requests) < 1000
    answer = await run_chat("question-answering", server.url, {"context": text, "question": "Why?"})
    assert "only its beginning was read" in answer.text


async def test_time_limit_of_a_task(chat_server: Serve) -> None:
    server = chat_server(lambda body: Reply("late", pause=2))
    with pytest.raises(TransientError):
        await run_chat("conversational", f"{server.url}#m", {"text": "Hi"}, timeout=0.3)


async def test_waiting_for_the_embedded_model_is_no_part_of_the_time_limit(
    chat_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does two things at once, so that the last of eight waits for longer than it may take."""
    slots = threading.Semaphore(2)

    def answer(body: object) -> str:
        with slots:
            time.sleep(0.8)
        return "done"

    server = chat_server(answer)

    async def address() -> tuple[str, str, None]:
        return server.url, KEY, None

    monkeypatch.setattr("tools.llama.address", address)
    asked = (run_chat("conversational", "embedded", {"text": "Hi"}, timeout=2.5) for _ in range(8))
    assert [draft.text for draft in await asyncio.gather(*asked)] == ["done"] * 8


@pytest.mark.parametrize("text", ["One. Two! Three?\nFour", "x" * 1000, "日本語の文章。" * 100, "é" * 99, ""])
def test_pieces_hold_everything_and_keep_their_size(text: str) -> None:
    parts = list(pieces(text, 50))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part.encode()) <= 50 for part in parts)
    assert cut(text, 50) == (text if len(text.encode()) <= 50 else parts[0])
