"""Faults: what is tried again, with which model, what is told of it, and what is never done twice."""

import asyncio
import hashlib
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END
from langgraph.types import Command, interrupt
from scripted import REQUEST, THREAD, context, echo, scripted, statuses, texts

from app.checkpoints import Checkpoints
from app.runs import config_of, opened, unfinished
from graph import attempt, board
from graph.agent import Agent, build
from graph.kept import Kept
from graph.state import State
from graph.types import Input, Task, TaskResult
from tools import results
from tools.artifacts import store
from tools.assets import on_progress
from tools.outputs import SCHEME, Output
from tools.settings import settings

Start = Callable[[Script], ChatServer]
BUSY = Reply(status=503, headers={"x-should-retry": "false"})
"""An error that may pass, which the client itself does not try again."""


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "BACKOFF_SECONDS", 0.01)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        yield build(saver)


async def run_with_models(
    agent: Agent, server: ChatServer, models: list[str], **fields: Any
) -> tuple[State, list[dict[str, Any]]]:
    """Run the scripted plan with these models for task 0; return the state at the end and the task events."""
    given = context(server, **fields)
    await agent.ainvoke(REQUEST, THREAD, context=given, interrupt_before=["execute"])
    assigned = {"0": {"models": models, "reason": "Because."}}
    await agent.aupdate_state(THREAD, {"assignments": assigned}, as_node="select")
    events = [event async for event in agent.astream(None, THREAD, context=given, stream_mode="custom")]
    snapshot = await agent.aget_state(THREAD)
    return State(**snapshot.values), [event for event in events if event["type"] == "task"]


async def test_an_error_that_may_pass_is_tried_again_then_the_next_model(
    chat_server: Start, agent: Agent
) -> None:
    busy, fine = chat_server(lambda body: BUSY), chat_server(lambda body: "good")
    server = chat_server(scripted([echo("one")], lambda body: "never asked"))
    state, events = await run_with_models(agent, server, [busy.url, fine.url], max_attempts=3)
    assert texts(state) == {"0": "good"}
    assert (state.results["0"].model, state.results["0"].attempts) == (fine.url, 3)
    assert len(busy.requests) == 2
    assert [(event["status"], event.get("model"), event.get("attempt")) for event in events] == [
        ("queued", None, None),
        ("running", busy.url, 1),
        ("retrying", busy.url, 2),
        ("falling_back", fine.url, 3),
        ("done", fine.url, 3),
    ]
    assert "503" in events[2]["reason"]


async def test_attempts_end_at_the_limit_and_the_last_model_gets_all_that_are_left(
    chat_server: Start, agent: Agent
) -> None:
    busy = chat_server(lambda body: BUSY)
    server = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: "never asked"))
    state, events = await run_with_models(agent, server, [busy.url], max_attempts=4)
    assert len(busy.requests) == 4
    assert statuses(state) == {"0": "failed", "1": "skipped"}
    errors = [state.results[id_].error for id_ in "01"]
    assert [error and error.kind for error in errors] == ["transient", "source"]
    assert [event["status"] for event in events if event["id"] == "0"] == [
        "queued", "running", "retrying", "retrying", "retrying", "failed"
    ]  # fmt: skip
    assert [event["status"] for event in events if event["id"] == "1"] == ["queued", "skipped"]


async def test_a_model_that_cannot_do_it_is_not_asked_again(chat_server: Start, agent: Agent) -> None:
    broken, fine = chat_server(lambda body: ""), chat_server(lambda body: "good")
    server = chat_server(scripted([echo("one")], lambda body: "never asked"))
    state, events = await run_with_models(agent, server, [broken.url, fine.url], max_attempts=3)
    assert state.results["0"].attempts == 2
    assert [event["status"] for event in events] == ["queued", "running", "falling_back", "done"]


async def test_a_call_that_takes_too_long_is_given_up(chat_server: Start, agent: Agent) -> None:
    slow = chat_server(lambda body: Reply("late", pause=5))
    server = chat_server(scripted([echo("one")], lambda body: "never asked"))
    began = time.monotonic()
    state, _ = await run_with_models(agent, server, [slow.url], max_attempts=1, task_timeout=0.3)
    assert time.monotonic() - began < 4
    error = state.results["0"].error
    assert error
    assert error.kind == "transient"


def test_pauses_grow_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "BACKOFF_SECONDS", 1.0)
    means = [sum(attempt.pause(retry) for _ in range(300)) / 300 for retry in (1, 2, 3)]
    assert means == pytest.approx([1, 2, 4], rel=0.15)
    assert len({attempt.pause(1) for _ in range(5)}) == 5
    assert attempt.pause(50) <= 1.5 * attempt.MAX_BACKOFF_SECONDS


class FakeTool(BaseTool):
    """Stands for an expert's tool, whose model and files are what a test cannot have."""

    name: str = "question-answering"
    description: str = "Does what a test needs."
    response_format: str = "content_and_artifact"  # type: ignore[assignment]
    work: Callable[[], str]

    def _run(self, *_: Any, **__: Any) -> tuple[str, Output]:
        raise NotImplementedError

    async def _arun(self, *_: Any, **__: Any) -> tuple[str, Output]:
        return "", Output(text=self.work())


async def test_loading_is_told_with_bytes(
    chat_server: Start, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> str:
        for done in (0, 5, 10):
            if report := on_progress.get():
                report("voice", done, 10)
        return "ok"

    monkeypatch.setattr(attempt, "hf_tool", lambda name: FakeTool(work=load))
    _, events = await run_with_models(agent, chat_server(scripted([echo("one")], said)), ["a/model"])
    assert [(event["status"], event.get("done")) for event in events] == [
        ("queued", None), ("running", None), ("loading", 0), ("loading", 5), ("loading", 10), ("running", None),
        ("done", None),
    ]  # fmt: skip
    assert events[3] == {
        "type": "task", "id": "0", "name": "question-answering", "status": "loading", "model": "a/model",
        "asset": "voice", "done": 5, "total": 10,
    }  # fmt: skip


async def test_an_expert_that_breaks_is_a_failure_of_its_task_only(
    chat_server: Start, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(attempt, "hf_tool", lambda name: FakeTool(work=broken))
    state, _ = await run_with_models(agent, chat_server(scripted([echo("one")], said)), ["a/model"])
    error = state.results["0"].error
    assert error
    assert (error.kind, error.reason) == ("internal", "a/model: it broke with ZeroDivisionError: no")


async def test_a_task_may_ask_the_user_while_others_go_on(
    chat_server: Start, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("once more")
        return str(interrupt("Which one?"))

    monkeypatch.setattr(attempt, "hf_tool", lambda name: FakeTool(work=ask))
    server = chat_server(scripted([echo("one"), echo("two", 0)], said))
    values = await agent.ainvoke(REQUEST, THREAD, context=context(server))
    assert [item.value for item in values["__interrupt__"]] == ["Which one?"]
    values = await agent.ainvoke(Command(resume="the red one"), THREAD, context=context(server))
    # The second task has its own question.
    values = await agent.ainvoke(Command(resume="the blue one"), THREAD, context=context(server))
    assert texts(State(**values)) == {"0": "the red one", "1": "the blue one"}


async def test_a_copy_of_a_thread_has_its_own_answers(
    chat_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asking(FakeTool):
        async def _arun(self, *_: Any, **__: Any) -> tuple[str, Output]:
            answer = str(interrupt("Which one?"))
            both.add(answer)
            async with asyncio.timeout(5):
                while len(both) < 2:
                    await asyncio.sleep(0.01)
            return "", Output(text=answer)

    both = set[str]()
    monkeypatch.setattr(attempt, "hf_tool", lambda name: Asking(work=str))
    server = chat_server(scripted([echo("one")], said))
    async with opened() as agent:
        await agent.ainvoke(REQUEST, THREAD, context=context(server))
        saver = agent.checkpointer
        assert isinstance(saver, Checkpoints)
        await saver.acopy_thread("t", "copy")
        answers = {"t": "red", "copy": "blue"}
        runs = [
            agent.ainvoke(Command(resume=answer), config_of(thread), context=context(server))
            for thread, answer in answers.items()
        ]
        found = [texts(State(**values)) for values in await asyncio.gather(*runs)]
    assert found == [{"0": "red"}, {"0": "blue"}]


async def stopped_after(
    agent: Agent,
    server: ChatServer,
    ended: set[str],
    begun: Callable[[], bool],
    config: RunnableConfig = THREAD,
) -> None:
    """Run until these tasks have ended and something has begun, then stop the run."""
    stream = agent.astream(REQUEST, config, context=context(server), stream_mode="updates")
    async for update in stream:
        ended = ended - set((update.get("execute") or {}).get("results", {}))
        if not ended:
            break
    while not begun():
        await asyncio.sleep(0.01)
    await stream.aclose()  # type: ignore[attr-defined]


def hanging(calls: list[str], release: threading.Event, which: str) -> Script:
    """Answer with the job's letter, and let one of them hang until it is released."""

    def answer(body: dict[str, Any]) -> str:
        name = next(name for name in ("delta", "charlie", "bravo", "alpha") if name in said(body))
        calls.append(name)
        if name == which and not release.is_set():
            release.wait(20)
        return f"[{name}]"

    return answer


ALL = {"0": "[alpha]", "1": "[bravo]", "2": "[charlie]", "3": "[delta]"}
PLAN = [echo("alpha"), echo("bravo", 0), echo("charlie"), echo("delta", 1)]


async def test_a_result_whose_write_was_lost_is_found_again(
    chat_server: Start, agent: Agent, tmp_path: Path
) -> None:
    calls, release = list[str](), threading.Event()
    server = chat_server(scripted(PLAN, hanging(calls, release, "charlie")))
    await stopped_after(agent, server, {"3"}, lambda: "charlie" in calls)
    release.set()
    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as connection:
        connection.execute("DELETE FROM writes")
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    assert texts(state) == ALL
    assert sorted(calls) == ["alpha", "bravo", "charlie", "charlie", "delta"]


@pytest.mark.parametrize("second", [None, UUID(int=2)])
async def test_a_repeated_run_finds_what_the_first_one_kept(
    chat_server: Start, agent: Agent, tmp_path: Path, second: UUID | None
) -> None:
    # LangGraph Server gives a run its id in the first attempt only.
    calls, release = list[str](), threading.Event()
    server = chat_server(scripted(PLAN, hanging(calls, release, "charlie")))
    first: RunnableConfig = {**THREAD, "run_id": UUID(int=1)}
    await stopped_after(agent, server, {"3"}, lambda: "charlie" in calls, first)
    release.set()
    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as connection:
        connection.execute("DELETE FROM writes")
    again: RunnableConfig = {**THREAD, "run_id": second} if second else THREAD
    state = State(**await agent.ainvoke(None, again, context=context(server)))
    assert texts(state) == ALL
    assert sorted(calls) == ["alpha", "bravo", "charlie", "charlie", "delta"]


async def test_after_a_cut_a_task_finds_its_finished_source_and_waits_for_nobody_else(
    chat_server: Start, agent: Agent
) -> None:
    calls, release, overtaken = list[str](), threading.Event(), threading.Event()

    def answer(body: dict[str, Any]) -> Reply | str:
        if release.is_set() and "charlie" in said(body):
            return "[charlie]" if overtaken.wait(10) else "was waited for"
        if "delta" in said(body):
            overtaken.set()
        return hanging(calls, release, "charlie" if "charlie" in said(body) else "bravo")(body)

    server = chat_server(scripted(PLAN, answer))
    await stopped_after(agent, server, {"0"}, lambda: {"bravo", "charlie"} <= set(calls))
    release.set()
    assert texts(State(**await agent.ainvoke(None, THREAD, context=context(server)))) == ALL


async def test_without_kept_results_a_task_defers_until_the_state_holds_its_source(
    chat_server: Start, agent: Agent
) -> None:
    calls, release = list[str](), threading.Event()
    server = chat_server(scripted(PLAN, hanging(calls, release, "bravo")))
    await stopped_after(agent, server, {"0", "2"}, lambda: "bravo" in calls)
    release.set()
    await asyncio.to_thread(results.forget, "")
    stream = agent.astream(None, THREAD, context=context(server), stream_mode="updates")
    steps = [update async for update in stream]
    state = State(**(await agent.aget_state(THREAD)).values)
    assert texts(state) == ALL
    assert [message.type for message in state.messages] == ["human", "ai"]
    assert sorted(calls) == ["alpha", "bravo", "bravo", "charlie", "delta"]
    assert [name for step in steps for name in step if name == "respond"] == ["respond"] * 2


async def test_a_text_is_in_the_store_before_the_answer_is_written(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted([echo("alpha")], lambda body: "[alpha]"))
    await agent.ainvoke(REQUEST, THREAD, context=context(server), interrupt_before=["respond"])
    assert store().exists(f"{SCHEME}{hashlib.sha256(b'[alpha]').hexdigest()}.txt")


async def test_a_stopped_run_is_edited_and_goes_on_with_what_was_finished(
    chat_server: Start, agent: Agent
) -> None:
    calls, other = list[str](), chat_server(lambda body: "[other]")
    server = chat_server(scripted(PLAN, hanging(calls, release := threading.Event(), "bravo")))
    await stopped_after(agent, server, {"0", "2"}, lambda: "bravo" in calls)
    release.set()
    await agent.aupdate_state(THREAD, None, as_node=END)
    await agent.aupdate_state(THREAD, {"assignments": {"1": {"models": [other.url]}}}, as_node="execute")
    assert texts(State(**await agent.ainvoke(None, THREAD, context=context(server)))) == {
        **ALL,
        "1": "[other]",
    }
    assert sorted(calls) == ["alpha", "bravo", "charlie", "delta"]


async def test_a_task_that_another_run_takes_over_is_waited_for() -> None:
    both, result = board.Board(Kept(None)), TaskResult(output=Output(text="done"))

    async def execution(seconds: float) -> None:
        async with both.entry("0") as end:
            await asyncio.sleep(seconds)
            end.set_result(result)

    first, second = asyncio.create_task(execution(60)), asyncio.create_task(execution(0.05))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(both.result_of("0"))
    await asyncio.sleep(0)
    first.cancel()
    assert await waiting == result
    await second


def test_what_is_being_kept_is_kept_when_the_program_ends() -> None:
    task = Task(id="0", name="summarization", inputs=(Input(slot="text", value="long"),))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        async with (kept := Kept("turn/step")).opened():
            loop.run_in_executor(None, time.sleep, 0.2)
            kept.keep(task, TaskResult(output=Output(text="short")))

    asyncio.run(main())
    assert list(results.kept("turn/step")) == ["0"]


async def test_work_that_others_have_just_ended_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results, "POLL_SECONDS", 60)

    async def enter() -> None:
        async with results.alone("folder"):
            await asyncio.sleep(0.02)

    await asyncio.wait_for(asyncio.gather(enter(), enter()), 10)


async def test_half_a_character_of_a_model_harms_nothing(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: "half \ud83d of it"))
    state = State(**await agent.ainvoke(REQUEST, THREAD, context=context(server)))
    assert texts(state) == {"0": "half \ufffd of it", "1": "half \ufffd of it"}
    assert not State(**(await agent.aget_state(THREAD)).values).unfinished


async def test_a_run_that_was_cut_between_two_steps_is_unfinished(
    chat_server: Start, agent: Agent, tmp_path: Path
) -> None:
    server = chat_server(scripted(PLAN, hanging([], threading.Event(), "")))
    await agent.ainvoke(REQUEST, THREAD, context=context(server))
    assert not unfinished(await agent.aget_state(THREAD))
    with sqlite3.connect(tmp_path / "checkpoints.sqlite") as connection:
        connection.execute(
            "DELETE FROM checkpoints WHERE checkpoint_id NOT IN "
            "(SELECT checkpoint_id FROM checkpoints ORDER BY checkpoint_id LIMIT 2)"
        )
    # The plan is stored, but not yet the checkpoint that follows it.
    snapshot = await agent.aget_state(THREAD)
    assert snapshot.next == ()
    assert unfinished(snapshot)
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    assert texts(state) == ALL


async def test_two_executions_of_one_superstep_do_the_work_once(chat_server: Start, agent: Agent) -> None:
    calls: list[str] = []
    release = threading.Event()
    release.set()

    def slowly(body: dict[str, Any]) -> Reply | str:
        time.sleep(0.1)
        return hanging(calls, release, "")(body)

    server = chat_server(scripted(PLAN, slowly))
    await agent.ainvoke(REQUEST, THREAD, context=context(server), interrupt_before=["execute"])

    def in_a_loop_of_its_own() -> dict[str, Any]:
        return asyncio.run(go_on())

    async def go_on() -> dict[str, Any]:
        path = settings().data_dir.parent / "checkpoints.sqlite"
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            return await build(saver).ainvoke(
                None, THREAD, context=context(server), interrupt_after=["execute"]
            )

    both = await asyncio.gather(
        go_on(), go_on(), asyncio.to_thread(in_a_loop_of_its_own), asyncio.to_thread(in_a_loop_of_its_own)
    )
    assert [texts(State(**values)) for values in both] == [ALL] * 4
    assert sorted(calls) == ["alpha", "bravo", "charlie", "delta"]


def hold(folder: str, held: Any) -> None:
    """Hold the lock until this process is killed; runs in a process of its own."""
    os.environ["HUGGINGGPT_DATA_DIR"] = folder

    async def main() -> None:
        async with results.alone("folder"):
            held.set()
            await asyncio.sleep(60)

    asyncio.run(main())


async def test_a_dead_process_holds_no_lock() -> None:
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    process = spawn.Process(target=hold, args=(str(settings().data_dir), held))
    process.start()
    assert await asyncio.to_thread(held.wait, 30)
    entered = asyncio.Event()

    async def enter() -> None:
        async with results.alone("folder"):
            entered.set()

    waiting = asyncio.create_task(enter())
    await asyncio.sleep(3 * results.POLL_SECONDS)
    assert not entered.is_set()
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.wait_for(waiting, 5)
    process.join()
    # It is let go with nobody waiting for that.
    async with asyncio.timeout(5):
        while list((settings().data_dir / "locks").iterdir()):
            await asyncio.sleep(0.01)


async def test_the_same_plan_in_the_next_turn_is_run_again(chat_server: Start, agent: Agent) -> None:
    answers = iter(["first", "second"])
    server = chat_server(scripted([echo("one")], lambda body: next(answers)))
    found = [texts(State(**await agent.ainvoke(REQUEST, THREAD, context=context(server)))) for _ in range(2)]
    assert found == [{"0": "first"}, {"0": "second"}]
    folders = list(Path(store().root, "results").iterdir())
    assert len(folders) == 1
    assert len(list(folders[0].rglob("*.json"))) == 1


async def test_a_store_that_cannot_keep_results_is_no_reason_to_fail(
    chat_server: Start, agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    Path(store().root).mkdir(parents=True)
    Path(store().root, "results").write_text("in the way")
    server = chat_server(scripted([echo("one")], lambda body: "fine"))
    state = State(**await agent.ainvoke(REQUEST, THREAD, context=context(server)))
    assert texts(state) == {"0": "fine"}
    assert "cannot be kept" in caplog.text
