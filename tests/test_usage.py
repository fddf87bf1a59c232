"""What chat calls take: counted wherever they are made, kept with the run, shown."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from rich.console import Console

from app.report import report
from app.usage import show_usage, summary
from graph.agent import Agent, build
from graph.context import Context
from graph.files import message
from graph.state import Request, State
from tools.chat import chat_model, translated
from tools.errors import HuggingGPTError
from tools.hf_tools import hf_tool
from tools.usage import ChatCall, recorded

Serve = Callable[[Script], ChatServer]
THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
SUM = {"text": "A long story.", "timeout": 20}


def scripted(tasks: int) -> Script:
    """Plan that many summaries, rank nothing, and answer."""
    plan = [{"task": "summarization", "id": id_, "args": {"text": f"story {id_}"}} for id_ in range(tasks)]

    def script(body: dict[str, Any]) -> str:
        name = body.get("response_format", {}).get("json_schema", {}).get("name")
        return json.dumps({"tasks": plan, "choices": []}) if name else "Done."

    return script


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        yield build(saver)


async def follow(agent: Agent, server: ChatServer, **fields: Any) -> State:
    """Run as the command line does: with the answer streamed, and the state read back from its checkpoint."""
    context = Context(**{"model": f"{server.url}#m", "k": 2, "max_attempts": 1, **fields})
    given = Request(messages=[message("Do it.")])
    async for _ in agent.astream(given, THREAD, context=context, stream_mode=["updates", "messages"]):
        pass
    return State.model_validate((await agent.aget_state(THREAD)).values)


def purposes(state: State) -> list[str]:
    return [call.purpose for call in state.usage]


async def test_every_stage_and_task_counts_its_calls(chat_server: Serve, agent: Agent) -> None:
    server = chat_server(scripted(2))
    state = await follow(agent, server)
    assert sorted(purposes(state)) == ["0", "1", "plan", "respond", "select"]
    assert {call.model for call in state.usage} == {f"{server.url}#m"}
    assert [c for c in state.usage if (c.input_tokens, c.output_tokens) != (7, 5)] == []
    assert all(call.seconds > 0 for call in state.usage)
    assert all(body["stream"] for body in server.requests if "Done" in said(body))


async def test_a_turn_counts_its_own_calls_only(chat_server: Serve, agent: Agent) -> None:
    await follow(agent, chat_server(scripted(2)))
    state = await follow(agent, chat_server(scripted(1)), k=1)
    assert purposes(state) == ["plan", "0", "respond"]


async def test_usage_that_was_edited_as_plain_json_becomes_typed(chat_server: Serve, agent: Agent) -> None:
    server = chat_server(scripted(1))
    await follow(agent, server)
    call = {"purpose": "plan", "model": "x", "input_tokens": 1}
    fork = await agent.aupdate_state(THREAD, {"usage": [call]}, as_node="execute")
    state = State(**await agent.ainvoke(None, fork, context=Context(model=f"{server.url}#m")))
    assert ChatCall(purpose="plan", model="x", input_tokens=1) in state.usage


async def test_a_server_that_does_not_count(chat_server: Serve) -> None:
    server = chat_server(lambda body: "Fine.")
    server.counts = False
    with recorded("x") as calls:
        await (await chat_model(f"{server.url}#m")).ainvoke("Hello")
    assert [(call.input_tokens, call.output_tokens) for call in calls] == [(0, 0)]


async def test_seconds_are_the_calls_and_only_answered_ones_count(chat_server: Serve) -> None:
    server = chat_server(
        lambda body: Reply("Fine.", pause=0.2) if "wait" in said(body) else Reply(status=400)
    )
    chat = await chat_model(f"{server.url}#m")
    with recorded("x") as calls:
        await asyncio.gather(chat.ainvoke("wait"), chat.ainvoke("wait"))
        with pytest.raises(HuggingGPTError), translated(chat):
            await chat.ainvoke("fail")
    assert len(calls) == 2
    assert all(0.2 <= call.seconds < 1 for call in calls)


async def test_recordings_do_not_mix(chat_server: Serve) -> None:
    server = chat_server(lambda body: Reply("Fine.", pause=0.05))

    async def task(name: str) -> list[ChatCall]:
        with recorded(name) as calls:
            await hf_tool("summarization").ainvoke({**SUM, "model": f"{server.url}#{name}"})
        return calls

    done = await asyncio.gather(*map(task, "abc"))
    assert [[(call.purpose, call.model) for call in calls] for calls in done] == [
        [(name, f"{server.url}#{name}")] for name in "abc"
    ]


def test_a_tool_that_is_called_without_an_event_loop_is_counted(chat_server: Serve) -> None:
    server = chat_server(lambda body: "Fine.")
    with recorded("x") as calls:
        hf_tool("summarization").invoke({**SUM, "model": f"{server.url}#m"})
    assert [call.output_tokens for call in calls] == [5]


CALLS = [
    ChatCall(purpose="plan", model="m", input_tokens=1200, output_tokens=200, seconds=3.14),
    ChatCall(purpose="respond", model="m", input_tokens=34, output_tokens=10, seconds=1.1),
]


def test_one_line_sums_it_up() -> None:
    assert summary(CALLS) == "2 chat calls, 1,234 tokens in, 210 out, 4.2 s"
    assert summary(CALLS[1:]) == "1 chat call, 34 tokens in, 10 out, 1.1 s"


def test_nothing_is_shown_of_nothing() -> None:
    screen = Console(file=io.StringIO())
    show_usage(screen, [])
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue() == ""


def test_the_report_lists_the_calls() -> None:
    usage = report("t", State(usage=CALLS), 1.0)["usage"]
    assert usage[0] == {
        "purpose": "plan",
        "model": "m",
        "input_tokens": 1200,
        "output_tokens": 200,
        "seconds": 3.14,
    }
    assert json.dumps(usage)
