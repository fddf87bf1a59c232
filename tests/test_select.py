"""Which model does which task, and why."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said

from graph.agent import build
from graph.context import Context
from graph.files import message
from graph.state import Request, State
from tools.models import chat_expert, find, shortlist, why_none

Start = Callable[[Script], ChatServer]
QWEN = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
SUMMARIZE = {"task": "summarization", "id": 0, "args": {"text": "a long story"}}


def scripted(choice: dict[str, Any] | Reply) -> Script:
    def script(body: dict[str, Any]) -> Reply | str:
        schema = body.get("response_format", {}).get("json_schema", {}).get("name")
        if schema == "plan":
            return json.dumps({"tasks": [SUMMARIZE]})
        if schema == "selection":
            return choice if isinstance(choice, Reply) else json.dumps({"choices": [choice]})
        return "short story"

    return script


async def run(server: ChatServer) -> State:
    # With one attempt the second candidate, the embedded model, is never asked.
    context = Context(model=server.url, k=5, max_attempts=1)
    return State(**await build().ainvoke(Request(messages=[message("Summarise it.")]), context=context))


async def test_one_call_ranks_the_shortlists_and_keeps_the_reason(chat_server: Start) -> None:
    server = chat_server(lambda body: "")
    server.script = scripted({"task": "0", "model": server.url, "reason": "It knows stories."})
    state = await run(server)
    assert state.assignments["0"].models == (server.url, QWEN)
    assert state.assignments["0"].reason == "It knows stories."
    asked = [said(body) for body in server.requests if "selection" in json.dumps(body.get("response_format"))]
    assert len(asked) == 1
    assert QWEN in asked[0]


@pytest.mark.parametrize(
    "choice", [{"task": "0", "model": "made-up", "reason": "x"}, {"nonsense": 1}, Reply(status=400)]
)
async def test_an_answer_of_no_use_leaves_the_choice_to_the_rule(
    chat_server: Start, choice: dict[str, Any] | Reply
) -> None:
    server = chat_server(scripted(choice))
    state = await run(server)
    assert state.assignments["0"].models == (server.url, QWEN)
    assert "First of 2 candidates" in state.assignments["0"].reason


def test_the_chat_model_is_an_expert_for_language_tasks_and_pages_only() -> None:
    chat = "openai:gpt-5"
    assert shortlist("translation", chat, "hybrid", 5)[0].id == chat
    assert shortlist("document-question-answering", chat, "hybrid", 5)[0].ways[0].engine == "document"
    assert chat_expert("image-segmentation", chat) is None
    assert find("document-question-answering", chat) == chat_expert("document-question-answering", chat)


def test_mode_says_where_experts_run() -> None:
    assert [model.id for model in shortlist("translation", "openai:gpt-5", "local", 5)] == [QWEN]
    assert [model.id for model in shortlist("translation", "openai:gpt-5", "providers", 5)] == [
        "openai:gpt-5"
    ]
    assert shortlist("token-classification", "embedded", "providers", 5) == []
    assert "HUGGINGGPT_MODE=hybrid" in why_none("token-classification", "embedded", "providers")
    assert "Set HF_TOKEN" in why_none("text-to-image", "embedded", "hybrid")
