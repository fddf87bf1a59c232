"""The whole graph with a scripted chat model behind the real client."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from chat_server import ChatServer, Reply, Script, said, text
from langchain_core.messages import AIMessage
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from scripted import THREAD, context, echo, scripted

from graph.agent import Agent, build
from graph.files import message
from graph.respond import answer_of
from graph.state import Request, State
from tools.errors import InputError

pytestmark = pytest.mark.usefixtures("no_blocking")

Start = Callable[[Script], ChatServer]


async def run(agent: Agent, server: ChatServer, request: str = "Do it.", **fields: Any) -> State:
    state = await agent.ainvoke(
        Request(messages=[message(request)]), THREAD, context=context(server, **fields)
    )
    return State(**state)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        yield build(saver)


async def test_a_request_goes_through_all_stages(chat_server: Start, agent: Agent) -> None:
    server = chat_server(
        scripted([echo("first"), echo("second", 0)], lambda body: f"<{said(body).count('first')}>")
    )
    state = await run(agent, server)
    assert {id_: result.status for id_, result in state.results.items()} == {"0": "ok", "1": "ok"}
    assert state.results["0"].model == server.url
    assert state.assignments["0"].models == (server.url,)
    assert answer_of(state) == "Done."
    assert "| 1 | question-answering |" in str(state.messages[-1].text)


async def test_a_task_starts_when_its_source_ends_not_when_its_wave_does(
    chat_server: Start, agent: Agent
) -> None:
    started = threading.Event()

    def answer(body: dict[str, Any]) -> str:
        if "slow" in said(body):
            return "waited" if started.wait(20) else "was never overtaken"
        if "second" in said(body):
            started.set()
        return "ok"

    state = await run(agent, chat_server(scripted([echo("first"), echo("second", 0), echo("slow")], answer)))
    assert state.results["2"].output
    assert state.results["2"].output.text == "waited"


async def test_independent_tasks_run_at_the_same_time(chat_server: Start, agent: Agent) -> None:
    together = threading.Barrier(5, timeout=20)

    def answer(body: dict[str, Any]) -> str:
        together.wait()
        return "ok"

    state = await run(agent, chat_server(scripted([echo(f"task {n}") for n in range(5)], answer)))
    assert [result.status for result in state.results.values()] == ["ok"] * 5


async def test_a_failure_skips_its_dependants_and_nothing_else(chat_server: Start, agent: Agent) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply(status=400) if "broken" in said(body) else Reply("ok")

    tasks = [echo("broken"), echo("child", 0), echo("grandchild", 1), echo("alone")]
    server = chat_server(scripted(tasks, answer))
    state = await run(agent, server)
    statuses = {id_: result.status for id_, result in state.results.items()}
    assert statuses == {"0": "failed", "1": "skipped", "2": "skipped", "3": "ok"}
    assert state.results["1"].error
    assert state.results["1"].error.source == "0"
    assert "Not done: question-answering (task 0)" in answer_of(state)


async def test_a_task_without_a_model_says_what_to_change(chat_server: Start, agent: Agent) -> None:
    plan = [{"task": "text-to-video", "args": {"text": "a cat"}}]
    state = await run(agent, chat_server(scripted(plan, lambda body: "ok")))
    assert state.results["0"].error
    assert "no model for text-to-video" in state.results["0"].error.reason


async def test_results_are_text_whatever_they_look_like(chat_server: Start, agent: Agent) -> None:
    odd = "<resource>-0 {text} artifact://" + "0" * 64 + '.png </system> "$1"'
    server = chat_server(scripted([echo("first"), echo("second", 0)], lambda body: odd))
    state = await run(agent, server)
    assert state.results["0"].output
    assert state.results["0"].output.text == odd
    assert any(odd in said(body) and "second" in said(body) for body in server.requests)


async def test_a_cut_run_goes_on_without_running_finished_tasks_again(
    chat_server: Start, agent: Agent
) -> None:
    calls: list[str] = []
    cut = threading.Event()

    def answer(body: dict[str, Any]) -> str:
        name = next(name for name in ("delta", "charlie", "bravo", "alpha") if name in said(body))
        calls.append(name)
        if name == "charlie" and not cut.is_set():
            cut.wait(20)
        return f"[{name}]"

    # All but task 2 ended before the cut, yet their results are only in the checkpoint's pending writes.
    server = chat_server(
        scripted([echo("alpha"), echo("bravo", 0), echo("charlie"), echo("delta", 1)], answer)
    )
    stream = agent.astream(
        Request(messages=[message("Do it.")]), THREAD, context=context(server), stream_mode="updates"
    )

    async def until_delta_ended() -> None:
        async for update in stream:
            if "3" in (update.get("execute") or {}).get("results", {}):
                return

    await asyncio.wait_for(until_delta_ended(), 20)
    await cast(AsyncGenerator[Any, None], stream).aclose()
    cut.set()
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    texts = {id_: result.output.text for id_, result in state.results.items() if result.output}
    assert texts == {"0": "[alpha]", "1": "[bravo]", "2": "[charlie]", "3": "[delta]"}
    assert sorted(calls) == ["alpha", "bravo", "charlie", "charlie", "delta"]


async def test_a_source_that_ended_before_the_cut_makes_its_dependant_defer(
    chat_server: Start, agent: Agent
) -> None:
    calls: list[str] = []
    cut = threading.Event()

    def answer(body: dict[str, Any]) -> str:
        calls.append("child" if "child" in said(body) else "parent")
        if calls[-1] == "child" and not cut.is_set():
            cut.wait(20)
        return f"[{calls[-1]}]"

    server = chat_server(scripted([echo("parent"), echo("child", 0), echo("grandchild", 1)], answer))
    stream = agent.astream(
        Request(messages=[message("Do it.")]), THREAD, context=context(server), stream_mode="updates"
    )

    async def until_child_runs() -> None:
        async for update in stream:
            if "0" in (update.get("execute") or {}).get("results", {}):
                return

    await asyncio.wait_for(until_child_runs(), 20)
    await cast(AsyncGenerator[Any, None], stream).aclose()
    cut.set()
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    assert [result.status for result in state.results.values()] == ["ok"] * 3
    assert calls.count("parent") == 1


async def test_a_new_turn_starts_with_no_results(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted([echo("one"), echo("two")], lambda body: "ok"))
    await run(agent, server)
    server.script = scripted([echo("three")], lambda body: "ok")
    state = await run(agent, server, "And now this.")
    assert list(state.results) == ["0"]
    assert len(state.messages) == 4


async def test_a_plan_edited_as_plain_json_is_run(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted([echo("one")], lambda body: "ok"))
    await run(agent, server)
    edited = {
        "tasks": [{"id": "x", "name": "summarization", "inputs": [{"slot": "text", "value": "edited text"}]}]
    }
    values = {"plan": edited, "assignments": {}, "results": {}}
    fork = await agent.aupdate_state(THREAD, values, as_node="plan")
    state = State(**await agent.ainvoke(None, fork, context=context(server)))
    assert state.results["x"].status == "ok"
    assert any("edited text" in said(body) for body in server.requests)


async def test_small_talk_is_answered_without_tasks(chat_server: Start, agent: Agent) -> None:
    server = chat_server(lambda body: '{"tasks": []}' if "response_format" in body else "Hello!")
    state = await run(agent, server, "Hi there")
    assert state.results == {}
    assert answer_of(state).strip() == "Hello!"


async def test_an_empty_request_is_refused(chat_server: Start, agent: Agent) -> None:
    with pytest.raises(InputError, match="request is empty"):
        await run(agent, chat_server(lambda body: ""), "  ")


async def test_an_invalid_plan_goes_back_with_what_is_wrong(chat_server: Start, agent: Agent) -> None:
    plans = iter(['{"tasks": [{"id": 0, "task": "teleport", "args": {}}]}', '{"tasks": []}'])
    server = chat_server(lambda body: next(plans) if "response_format" in body else "Hello!")
    await run(agent, server)
    assert "no task type 'teleport'" in said(server.requests[1])


async def test_results_survive_a_chat_model_that_fails_at_the_end(chat_server: Start, agent: Agent) -> None:
    script = scripted([echo("one")], lambda body: "forty-two")
    server = chat_server(lambda body: Reply(status=400) if "Results:" in said(body) else script(body))
    assert "forty-two" in answer_of(await run(agent, server))


async def test_no_thread_no_saver_no_problem(chat_server: Start) -> None:
    server = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: "ok"))
    state = State(**await build().ainvoke(Request(messages=[message("Do it.")]), context=context(server)))
    assert len(state.results) == 2


async def test_the_request_is_the_users_last_message_even_if_others_follow(chat_server: Start) -> None:
    server = chat_server(scripted([echo("one")], lambda body: "ok"))
    handed_over = [message("Do it."), AIMessage("Another agent is asked.")]
    await build().ainvoke(Request(messages=[*handed_over]), context=context(server))
    assert text(server.requests[0]["messages"][-1]["content"]) == "Do it."
    assert "Request: Do it." in said(server.requests[-1])
