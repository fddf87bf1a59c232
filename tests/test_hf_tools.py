"""Task types as LangChain tools, called as scripts and notebooks do; only the chat model is scripted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_openai import ChatOpenAI
from PIL import Image
from pydantic import SecretStr, ValidationError

from tools.artifacts import store
from tools.errors import InputError, SetupError
from tools.experts import workers
from tools.hf_tools import hf_tools
from tools.outputs import Output


@pytest.fixture
def writer(chat_server: Callable[[Script], ChatServer]) -> BaseTool:
    """Text generation by a model that answers "Fine." to what holds "day"."""
    server = chat_server(lambda body: "Fine." if "day" in said(body) else "What?")
    return hf_tools(["text-generation"], chat=server.url)[0]


def test_a_script_calls_a_tool_again_and_again(writer: BaseTool) -> None:
    assert [writer.invoke({"text": "Good day"}) for _ in range(2)] == ["Fine.", "Fine."]
    assert writer.invoke("Good day") == "Fine."


async def test_a_notebook_calls_a_tool_with_and_without_waiting(writer: BaseTool) -> None:
    assert writer.invoke({"text": "Good day"}) == "Fine."
    assert await writer.ainvoke({"text": "Good day"}) == "Fine."
    assert await writer.ainvoke("Good day") == "Fine."


def test_an_agent_gets_text_and_output(writer: BaseTool) -> None:
    call = {"type": "tool_call", "id": "1", "name": writer.name, "args": {"text": "Good day"}}
    message: ToolMessage = writer.invoke(call)
    assert message.content == "Fine."
    assert isinstance(message.artifact, Output)


def test_models_see_the_slots_only() -> None:
    (tool,) = hf_tools(["automatic-speech-recognition"])
    assert list(tool.args) == ["audio"]


@pytest.mark.parametrize("args", [{"txt": "x"}, {"text": 5}, {}])
def test_wrong_arguments_are_refused(writer: BaseTool, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="text"):
        writer.invoke(args)


def test_files_and_models_that_are_not_there_are_sentences(writer: BaseTool) -> None:
    (tool,) = hf_tools(["automatic-speech-recognition"])
    with pytest.raises(
        InputError, match=r"no audio file 'gone.wav'; give it to hf_tools\(files=\.\.\.\) first"
    ):
        tool.invoke({"audio": "gone.wav"})
    with pytest.raises(SetupError, match="There is no model 'gone' for automatic-speech-recognition"):
        tool.invoke({"audio": "artifact://x", "model": "gone"})
    with pytest.raises(KeyError, match="juggling"):
        hf_tools(["juggling"])


def test_a_langchain_agent_works_with_the_tools(
    chat_server: Callable[[Script], ChatServer], tmp_path: Path
) -> None:
    def script(body: dict[str, Any]) -> Reply | str:
        is_answer = body["messages"][-1]["role"] == "tool"
        return "Here are its edges." if is_answer else Reply(tool='{"image": "house.png"}')

    Image.new("L", (32, 32)).save(tmp_path / "house.png")
    house = store().put(tmp_path / "house.png")
    chat = ChatOpenAI(base_url=chat_server(script).url, api_key=SecretStr("none"), model="scripted")
    agent = create_agent(chat, tools=hf_tools(["canny-control"], files=[house]))
    _, _, done, answer = agent.invoke({"messages": [HumanMessage("Find the edges of house.png")]})["messages"]
    assert done.status == "success", done.content
    assert done.artifact.files[0].media == "image"
    assert done.artifact.by == "conditions"
    assert answer.text == "Here are its edges."
    workers.shutdown()
