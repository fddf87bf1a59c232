"""JSON from chat models that can do more or less, behind real clients."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import JsonValue, SecretStr

from tools import structured
from tools.chat import RefusedError, chat_model, name_of
from tools.errors import HuggingGPTError, InputError, SetupError, TransientError
from tools.structured import ask_json, list_schema, without_thoughts

Serve = Callable[[Script], ChatServer]
SCHEMA = list_schema("plan", "What to do.", "tasks", {"task": {"type": "string"}})
PLAN = {"tasks": [{"task": "sing"}]}
TEXT = json.dumps(PLAN)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured, "_known", {})


def way(body: dict[str, Any]) -> str:
    """Return how a request asks for JSON."""
    if "response_format" in body:
        return "json_schema"
    return "function_calling" if "tools" in body else "prompt"


def able(*ways: str, status: int = 400, refusal: str = "not supported: response_format") -> Script:
    """Answer by the given ways and refuse all others."""

    def script(body: dict[str, Any]) -> Reply:
        if way(body) not in ways:
            return Reply(refusal, status)
        return Reply(tool=TEXT) if way(body) == "function_calling" else Reply(TEXT)

    return script


async def ask(server: ChatServer, model: str = "m") -> JsonValue:
    return await ask_with(await chat_model(f"{server.url}#{model}"))


async def ask_with(chat: BaseChatModel) -> JsonValue:
    return await ask_json(chat, [SystemMessage("You plan."), HumanMessage("Sing!")], SCHEMA)


def ways(server: ChatServer) -> list[str]:
    return [way(body) for body in server.requests]


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize(
    ("can", "tried"),
    [
        (["json_schema"], ["json_schema"]),
        (["function_calling"], ["json_schema", "function_calling"]),
        (["prompt"], ["json_schema", "function_calling", "prompt"]),
    ],
)
async def test_the_first_way_that_the_server_takes_is_used_and_kept(
    chat_server: Serve, status: int, can: list[str], tried: list[str]
) -> None:
    server = chat_server(able(*can, status=status))
    assert await ask(server) == PLAN
    assert ways(server) == tried
    server.requests.clear()
    assert await ask(server) == PLAN
    assert ways(server) == can


async def test_what_is_kept_is_kept_by_model(chat_server: Serve) -> None:
    server = chat_server(able("prompt"))
    await ask(server)
    await ask(server, "other")
    assert ways(server)[3:] == ["json_schema", "function_calling", "prompt"]
    namesake = chat_server(able("json_schema"))
    await ask(namesake)
    assert ways(namesake) == ["json_schema"]


async def test_each_way_carries_the_schema(chat_server: Serve) -> None:
    server = chat_server(able("prompt"))
    await ask(server)
    by_schema, by_tool, by_prompt = server.requests
    assert by_schema["response_format"]["json_schema"]["schema"]["properties"] == SCHEMA["properties"]
    assert by_tool["tools"][0]["function"]["parameters"]["properties"] == SCHEMA["properties"]
    assert by_tool["tool_choice"] == {"type": "function", "function": {"name": "plan"}}
    assert json.dumps(SCHEMA) in said(by_prompt)
    assert [message["role"] for message in by_prompt["messages"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("no", 401), SetupError),
        (Reply("no such model", 404), SetupError),
        (Reply("slow down", 429, {"retry-after-ms": "1"}), TransientError),
        (Reply("maximum context length is 8 tokens", 400), InputError),
    ],
)
async def test_other_errors_are_not_answered_with_another_way(
    chat_server: Serve, reply: Reply, kind: type[HuggingGPTError]
) -> None:
    server = chat_server(lambda body: reply)
    with pytest.raises(kind):
        await ask(server)
    assert set(ways(server)) == {"json_schema"}


async def test_a_server_that_takes_nothing_is_told_and_not_kept(chat_server: Serve) -> None:
    server = chat_server(able(refusal="I am odd"))
    with pytest.raises(RefusedError, match="I am odd"):
        await ask(server)
    server.script = able("json_schema")
    assert await ask(server) == PLAN


@pytest.mark.parametrize(
    "text",
    [
        f"Sure, here [it] is:\n```json\n{TEXT}\n```\nHope it helps {{really}}!",
        f"```\n{TEXT}\n```",
        f"The plan is {TEXT}.",
        TEXT[:-3],
        TEXT.replace('"', "'"),
        f"<think>Maybe {{'tasks': []}}?</think>\n{TEXT}",
        f"Maybe {{'tasks': []}}?\n</think>\n{TEXT}",
        f"Some {{words}}, then {TEXT} and [more].",
        f'Mind {{braces}} and "quotes.\n```json\n{TEXT}\n```',
    ],
)
async def test_a_server_that_ignores_the_schema(chat_server: Serve, text: str) -> None:
    server = chat_server(lambda body: text)
    assert await ask(server) == PLAN
    assert len(server.requests) == 1


async def test_a_model_that_was_not_told_the_schema_is_told_it(chat_server: Serve) -> None:
    server = chat_server(lambda body: TEXT if "schema" in said(body) else "I would sing.")
    assert await ask(server) == PLAN
    assert ways(server) == ["json_schema", "function_calling", "prompt"]


async def test_no_json_at_all(chat_server: Serve) -> None:
    server = chat_server(lambda body: "<think>I could say {'tasks': []}, but")
    assert await ask(server) == ""


async def test_a_tool_call_that_is_no_json_is_mended(chat_server: Serve) -> None:
    server = chat_server(
        lambda body: Reply(tool="{'tasks': [{task: 'sing'}") if "tools" in body else Reply(status=400)
    )
    assert await ask(server) == PLAN


@pytest.mark.parametrize(
    ("profile", "tried"),
    [
        ({"structured_output": False, "tool_calling": True}, ["function_calling"]),
        ({"structured_output": False, "tool_calling": False}, ["prompt"]),
        ({"tool_calling": False}, ["json_schema", "prompt"]),
        ({}, ["json_schema", "function_calling", "prompt"]),
    ],
)
async def test_a_profile_rules_ways_out(
    chat_server: Serve, profile: dict[str, bool], tried: list[str]
) -> None:
    server = chat_server(able(tried[-1]))
    chat = await chat_model(f"{server.url}#m")
    chat.profile = profile  # type: ignore[assignment]
    assert await ask_with(chat) == PLAN
    assert ways(server) == tried


async def test_an_integration_that_offers_nothing_is_asked_in_the_prompt() -> None:
    assert await ask_with(FakeListChatModel(responses=[f"Here: {TEXT}"])) == PLAN


def test_clients_that_others_made_have_names_too() -> None:
    one, other = (ChatOpenAI(model=name, api_key=SecretStr("none")) for name in ("one", "other"))
    assert "" != name_of(one) != name_of(other)


def test_only_thoughts_are_dropped() -> None:
    assert without_thoughts("<think>a</think>b") == "b"
    assert without_thoughts(" <think>a\nb") == ""
    assert without_thoughts("a\n</think>\n\nb") == "b"
    assert without_thoughts("Write <think> before it.") == "Write <think> before it."


async def test_an_integration_that_hides_its_model_is_asked_in_the_prompt() -> None:
    class Hiding(FakeListChatModel):
        def with_structured_output(self, *_: Any, **__: Any) -> Any:
            return RunnableLambda(lambda messages: PLAN)

    assert await ask_with(Hiding(responses=[TEXT])) == PLAN
