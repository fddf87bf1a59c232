"""Chat models of inference providers: LangChain's client against a router on loopback."""

from collections.abc import Callable
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script
from langchain_core.messages import HumanMessage
from langchain_huggingface import ChatHuggingFace

from tools.chat import chat_model, translated
from tools.errors import InputError, SetupError, TransientError
from tools.settings import settings
from tools.structured import ask_json, list_schema

Connect = Callable[[Script], ChatServer]
TOKEN = "hf_secretsecretsecret"
SCHEMA = list_schema("plan", "What to do.", "tasks", {"task": {"type": "string"}})


@pytest.fixture
def router(chat_server: Connect, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Start a router and send the client there."""

    def connect(script: Script) -> ChatServer:
        server = chat_server(script)
        monkeypatch.setattr("tools.chat.router.ROUTER", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        settings.cache_clear()
        return server

    return connect


async def ask(name: str = "huggingface:a/model", **limits: Any) -> str:
    chat = await chat_model(name, **limits)
    with translated(chat):
        return str((await chat.ainvoke("Hello")).text)


@pytest.mark.parametrize("model", ["a/model", "a/model:groq", "a/model:cheapest"])
async def test_the_router_gets_the_model_its_policy_and_the_token(router: Connect, model: str) -> None:
    server = router(lambda body: "Fine.")
    assert await ask(f"huggingface:{model}", max_tokens=9) == "Fine."
    (body,) = server.requests
    assert (server.paths, server.keys) == (["/v1/chat/completions"], [f"Bearer {TOKEN}"])
    assert (body["model"], body["max_tokens"]) == (model, 9)
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


async def test_nothing_is_set_that_nobody_asked_for(router: Connect) -> None:
    server = router(lambda body: "Fine.")
    await ask()
    assert server.requests[0].keys() <= {"model", "messages", "stream"}


async def test_replies_are_streamed_and_counted(router: Connect) -> None:
    server = router(lambda body: "one two three")
    chat = await chat_model("huggingface:a/model")
    assert isinstance(chat, ChatHuggingFace)
    chunks = [chunk async for chunk in chat.astream("Hello")]
    assert len([chunk for chunk in chunks if chunk.text]) == 3
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert total.text.strip() == "one two three"
    assert total.usage_metadata
    assert total.usage_metadata["input_tokens"] == 7
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_schema_is_sent_in_the_form_that_the_router_takes(router: Connect) -> None:
    server = router(lambda body: '{"tasks": []}')
    chat = await chat_model("huggingface:a/by-schema")
    assert await ask_json(chat, [HumanMessage("Plan.")], SCHEMA) == {"tasks": []}
    sent = server.requests[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["name"] == "plan"
    assert sent["json_schema"]["schema"]["properties"] == SCHEMA["properties"]


async def test_a_provider_without_schemas_is_asked_by_tool_call(router: Connect) -> None:
    def script(body: dict[str, Any]) -> Reply:
        if "response_format" in body:
            return Reply("This provider does not support response_format", 422)
        return Reply(tool='{"tasks": [{"task": "x"}]}')

    server = router(script)
    chat = await chat_model("huggingface:a/by-tool")
    assert await ask_json(chat, [HumanMessage("Plan.")], SCHEMA) == {"tasks": [{"task": "x"}]}
    assert server.requests[1]["tool_choice"] == {"type": "function", "function": {"name": "plan"}}


async def test_a_busy_router_is_asked_again(router: Connect) -> None:
    replies = [Reply("busy", 503, {"retry-after-ms": "1"}), Reply("slow", 429, {"retry-after-ms": "1"})]
    server = router(lambda body: [*replies, Reply("Fine.")][len(server.requests) - 1])
    assert await ask() == "Fine."
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply("no", 401), SetupError, "a/model did not accept the key; set HF_TOKEN"),
        (Reply("no", 402), SetupError, "quota for a/model.*HF_TOKEN"),
        (Reply("maximum context length is 8", 400), InputError, "too long"),
        (Reply("late", pause=2), TransientError, "in time"),
    ],
)
async def test_errors_of_the_router(
    router: Connect, monkeypatch: pytest.MonkeyPatch, reply: Reply, kind: type[Exception], words: str
) -> None:
    monkeypatch.setattr("tools.chat.router.RETRIES", 0)
    router(lambda body: reply)
    with pytest.raises(kind, match=words):
        await ask(timeout=0.3)


async def test_a_token_of_another_kind_is_not_sent(router: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    server = router(lambda body: "Fine.")
    monkeypatch.setenv("HF_TOKEN", "sk-a-key-of-another-service")
    settings.cache_clear()
    with pytest.raises(SetupError, match=r"starts with hf_.*HF_TOKEN"):
        await ask()
    assert server.requests == []


async def test_the_token_is_not_in_the_client(router: Connect) -> None:
    router(lambda body: "Fine.")
    assert TOKEN not in repr(await chat_model("huggingface:a/model"))
