"""Nothing runs before the user has seen the plan: approved, edited, rejected, and asked once more."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script, said
from langchain.agents.middleware.human_in_the_loop import HITLRequest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from pydantic import TypeAdapter
from scripted import REQUEST, THREAD, context, echo, numbered, planning, scripted, statuses

from app.checkpoints import checkpoints
from graph.agent import Agent, build
from graph.context import Context
from graph.files import message
from graph.respond import answer_of
from graph.state import Request, State
from tools.artifacts import store

pytestmark = pytest.mark.usefixtures("no_blocking")

Start = Callable[[Script], ChatServer]
QWEN = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
APPROVE = {"decisions": [{"type": "approve"}]}


def edit(**args: Any) -> dict[str, Any]:
    return {"decisions": [{"type": "edit", "edited_action": {"name": "run_plan", "args": args}}]}


def reject(message: str) -> dict[str, Any]:
    return {"decisions": [{"type": "reject", "message": message}]}


def question_of(output: dict[str, Any]) -> dict[str, Any]:
    (interrupt,) = output["__interrupt__"]
    TypeAdapter(HITLRequest).validate_python(interrupt.value)
    return dict(interrupt.value)


def args_of(output: dict[str, Any]) -> dict[str, Any]:
    return dict(question_of(output)["action_requests"][0]["args"])


def tasks(*texts: str) -> Script:
    return scripted([echo(text) for text in texts], lambda body: "ok")


def worked(server: ChatServer) -> int:
    """Return how many chat calls came from tasks."""
    return sum("Question:" in said(body) and "Results:" not in said(body) for body in server.requests)


class Run:
    """One thread of the graph with the scripted chat model."""

    def __init__(self, server: ChatServer, agent: Agent | None = None, **fields: Any) -> None:
        self.agent = agent or build(InMemorySaver())
        self.context, self.request = context(server, **fields), REQUEST

    async def start(self) -> dict[str, Any]:
        return await self.agent.ainvoke(self.request, THREAD, context=self.context)

    async def answer(self, answer: Any) -> dict[str, Any]:
        return await self.agent.ainvoke(Command(resume=answer), THREAD, context=self.context)


async def test_by_default_nothing_is_asked(chat_server: Start) -> None:
    output = await Run(chat_server(tasks("one"))).start()
    assert "__interrupt__" not in output
    assert statuses(State(**output)) == {"0": "ok"}


@pytest.mark.parametrize(
    "answer", [APPROVE, {"type": "approve"}, [{"type": "approve", "args": None}], "approve"]
)
async def test_a_plan_waits_until_it_is_approved(chat_server: Start, answer: Any) -> None:
    server = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: "ok"))
    run = Run(server, approve="plan", k=5)
    asked = question_of(await run.start())
    assert [task["task"] for task in asked["action_requests"][0]["args"]["tasks"]] == [
        "question-answering"
    ] * 2
    assert "models" not in asked["action_requests"][0]["args"]
    assert asked["costs"] == []
    shown = asked["action_requests"][0]["description"]
    assert "Run these 2 tasks?" in shown
    assert "- 1 question-answering: question two, context from 0" in shown
    assert asked["review_configs"][0]["allowed_decisions"] == ["approve", "edit", "reject"]
    assert len(server.requests) == 1, "neither models are chosen nor tasks run"
    state = State(**await run.answer(answer))
    assert statuses(state) == {"0": "ok", "1": "ok"}
    assert answer_of(state) == "Done."
    plans = [body for body in server.requests if "Task 0" not in said(body) and "response_format" in body]
    assert len(plans) == 1


async def test_models_are_shown_with_what_they_take(chat_server: Start) -> None:
    server = chat_server(tasks("one"))
    run = Run(server, approve="models", k=5, max_attempts=3)
    asked = question_of(await run.start())
    assert asked["action_requests"][0]["args"]["models"] == {"0": [server.url, QWEN]}
    chat, qwen = asked["costs"]
    assert chat["model"] == server.url
    assert (chat["download"], chat["memory"], chat["price"]) == (0, None, 0)
    assert (qwen["model"], qwen["download"], qwen["memory"]) == (QWEN, 1117320768, 1_600_000_000)
    shown = asked["action_requests"][0]["description"]
    assert f"| 0 | question-answering | {QWEN} | here (llama) | 1.1 GB | 1.6 GB | free |" in shown
    assert "To fetch: nothing. If other models must step in: 1.1 GB more." in shown
    assert worked(server) == 0
    assert statuses(State(**await run.answer(APPROVE))) == {"0": "ok"}


async def test_an_edited_plan_is_run(chat_server: Start) -> None:
    server = chat_server(tasks("one", "two"))
    run = Run(server, approve="plan")
    args = args_of(await run.start())
    args["tasks"][1]["args"]["question"] = "edited"
    state = State(**await run.answer(edit(tasks=[args["tasks"][1]])))
    assert list(state.results) == ["1"]
    assert any("Question: edited" in said(body) for body in server.requests)


async def test_files_are_called_by_name(chat_server: Start) -> None:
    texts = (b"An older note.", b"A newer note.")
    older, newer = [await asyncio.to_thread(store().put_bytes, text, "note.txt") for text in texts]
    plan = [{"task": "summarization", "args": {"text": name}} for name in ("note.txt", "note (1).txt")]
    run = Run(chat_server(scripted(plan, lambda body: "ok")), approve="plan")
    run.request = Request(messages=[message("Sum them up.", [older, newer])])
    args = args_of(await run.start())
    assert [task["args"]["text"] for task in args["tasks"]] == ["note.txt", "note (1).txt"]
    state = State(**await run.answer(edit(**args)))
    assert state.plan
    assert [task.inputs[0].value for task in state.plan.tasks] == [newer.ref, older.ref]


async def test_an_edit_that_is_not_valid_is_asked_about_again(chat_server: Start) -> None:
    server = chat_server(tasks("one"))
    run = Run(server, approve="plan")
    args = args_of(await run.start())
    wrong = [{**args["tasks"][0], "task": "teleport"}]
    asked = question_of(await run.answer(edit(tasks=wrong)))
    assert "there is no task type 'teleport'" in asked["problem"]
    assert asked["problem"] in asked["action_requests"][0]["description"]
    assert asked["action_requests"][0]["args"] == args, "what would run is what is shown"
    assert asked["edited"]["tasks"] == wrong, "the user's edit is still there to be mended"
    asked = question_of(await run.answer({"perhaps": 1}))
    assert '"type": "approve"' in asked["problem"]
    assert asked["action_requests"][0]["args"] == args
    state = State(**await run.answer(edit(tasks=json.dumps(args["tasks"]))))
    assert statuses(state) == {"0": "ok"}
    assert len(server.requests) == 3, "plan, task and answer: nothing was asked twice"


async def test_assignments_can_be_edited(chat_server: Start) -> None:
    run = Run(chat_server(tasks("one")), approve="models", k=5)
    args = args_of(await run.start())
    asked = question_of(await run.answer(edit(**{**args, "models": {"0": "nobody"}})))
    assert "task 0: nobody cannot run: There is no chat model 'nobody'" in asked["problem"]
    asked = question_of(await run.answer(edit(models={"9": QWEN})))
    assert "task '9', which is not to run" in asked["problem"]
    own = args["models"]["0"][0]
    state = State(**await run.answer(edit(models=json.dumps({"0": own}))))
    assert state.assignments["0"].models == (own,)
    assert state.assignments["0"].reason == "The user's choice."
    assert statuses(state) == {"0": "ok"}


async def test_models_of_tasks_that_an_edit_adds_are_shown_first(chat_server: Start) -> None:
    server = chat_server(tasks("one"))
    run = Run(server, approve="models", k=5)
    args = args_of(await run.start())
    first = args["tasks"][0]
    added = {"task": "summarization", "id": 1, "dep": [0], "args": {"text": "<resource>-0"}}
    again = args_of(await run.answer(edit(tasks=[first, added], models={"0": [server.url]})))
    assert again["models"] == {"0": [server.url], "1": [server.url, QWEN]}
    state = State(**await run.answer(APPROVE))
    assert statuses(state) == {"0": "ok", "1": "ok"}


async def test_a_task_of_another_type_needs_other_models(chat_server: Start) -> None:
    run = Run(chat_server(tasks("one")), approve="models", k=5)
    args = args_of(await run.start())
    other = {"task": "text-to-video", "id": 0, "args": {"text": "a cat"}}
    asked = question_of(await run.answer(edit(**{**args, "tasks": [other]})))
    assert "no model for text-to-video" in asked["action_requests"][0]["description"]


@pytest.mark.parametrize("mode", ["plan", "models"])
async def test_a_rejected_plan_is_made_anew_and_asked_about(chat_server: Start, mode: str) -> None:
    server = chat_server(
        planning([numbered(0, "one"), numbered(1, "two", 0)], [numbered(2, "three")], [numbered(3, "four")])
    )
    run = Run(server, approve=mode)
    await run.start()
    assert [one["id"] for one in args_of(await run.answer(reject("Only one task.")))["tasks"]] == [2]
    told = said(server.requests[1])
    assert "The plan was rejected: Only one task." in told
    assert "new tasks from 2" in told
    args = args_of(await run.answer(reject("Another one")))
    assert [one["id"] for one in args["tasks"]] == [3]
    assert worked(server) == 0
    state = State(**await run.answer(APPROVE))
    assert statuses(state) == {"3": "ok"}
    assert "The plan was rejected: Another one. So another one was made." in answer_of(state)


@pytest.mark.parametrize("planner", ["llm", "retrieval"])
async def test_without_another_plan_a_rejection_is_told(chat_server: Start, planner: str) -> None:
    server = chat_server(planning([numbered(0, "one")], []))
    run = Run(server, approve="plan")
    await run.start()
    run.context = context(server, planner=planner)
    state = State(**await run.answer(reject("No.")))
    assert len(server.requests) == (2 if planner == "llm" else 1)
    assert statuses(state) == {"0": "skipped"}
    assert answer_of(state) == "Not done: question-answering (task 0). The plan was rejected: No."


async def test_what_is_planned_after_failures_is_asked_about(chat_server: Start) -> None:
    server = chat_server(
        planning([numbered(0, "fine"), numbered(1, "broken")], [numbered(2, "fine again", 0)])
    )
    run = Run(server, approve="models", max_replans=1)
    await run.start()
    asked = question_of(await run.answer(APPROVE))
    assert [one["task"] for one in asked["costs"]] == ["2"], "task 0 is done"
    assert [one["id"] for one in asked["action_requests"][0]["args"]["tasks"]] == [0, 2]
    left = asked["action_requests"][0]["args"]["tasks"][1:]
    assert statuses(State(**await run.answer(edit(tasks=left)))) == {"0": "ok", "2": "ok"}
    assert sum("Question: fine\n" in said(body) for body in server.requests) == 1


async def test_a_new_turn_is_asked_about_anew(chat_server: Start) -> None:
    run = Run(chat_server(tasks("one")), approve="plan")
    await run.start()
    question_of(await run.answer({"perhaps": 1}))
    assert "problem" not in question_of(await run.start())


async def test_a_process_that_restarts_goes_on(chat_server: Start, tmp_path: Path) -> None:
    server, file = chat_server(tasks("one")), tmp_path / "c.sqlite"
    async with checkpoints(file) as saver:
        run = Run(server, build(saver), approve="models")
        await run.start()
        question_of(await run.answer("perhaps"))
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        run = Run(server, build(saver), approve="models")
        snapshot = await run.agent.aget_state(THREAD)
        assert snapshot.next == ("approve",)
        assert "problem" in snapshot.interrupts[0].value
        # Whoever answers need not repeat the settings: the question stands in the state.
        output = await run.agent.ainvoke(Command(resume=APPROVE), THREAD, context=context(server))
    assert statuses(State(**output)) == {"0": "ok"}


def test_invoke_without_an_event_loop(chat_server: Start) -> None:
    agent = build(InMemorySaver())
    settings = context(chat_server(tasks("one")), approve="models")
    question_of(agent.invoke(REQUEST, THREAD, context=settings))
    question_of(agent.invoke(Command(resume=edit(tasks=7)), THREAD, context=settings))
    assert statuses(State(**agent.invoke(Command(resume=APPROVE), THREAD, context=settings))) == {"0": "ok"}


@pytest.mark.parametrize("loop", [True, False])
async def test_as_part_of_another_graph(chat_server: Start, loop: bool) -> None:
    builder = StateGraph(Request, context_schema=Context)
    builder.add_node("hugginggpt", build())
    builder.add_edge(START, "hugginggpt")
    outer = builder.compile(checkpointer=InMemorySaver())
    settings = context(chat_server(tasks("one")), approve="plan")

    async def run(given: Any) -> dict[str, Any]:
        if loop:
            return await outer.ainvoke(given, THREAD, context=settings)
        return await asyncio.to_thread(outer.invoke, given, THREAD, context=settings)

    question_of(await run(REQUEST))
    output = await run(Command(resume=APPROVE))
    assert answer_of(State(messages=output["messages"])) == "Done."


async def test_a_plan_that_was_put_there_by_hand_is_asked_about_too(chat_server: Start) -> None:
    server = chat_server(tasks("one"))
    run = Run(server, approve="plan")
    await run.start()
    await run.answer(APPROVE)
    made = {"tasks": [{"id": "0", "name": "summarization", "inputs": [{"slot": "text", "value": "mine"}]}]}
    fork = await run.agent.aupdate_state(THREAD, {"plan": made}, as_node="plan")
    output = await run.agent.ainvoke(None, fork, context=run.context)
    assert args_of(output)["tasks"][0]["args"] == {"text": "mine"}


async def test_a_task_keeps_models_that_can_do_it(chat_server: Start) -> None:
    server = chat_server(tasks("one"))
    run = Run(server, k=5)
    await run.start()
    plan = {
        "tasks": [
            {"id": "0", "name": "summarization", "inputs": [{"slot": "text", "value": "mine"}]},
            {"id": "1", "name": "text-to-video", "inputs": [{"slot": "text", "value": "a cat"}]},
            {"id": "2", "name": "summarization", "inputs": [{"slot": "text", "value": "mine"}]},
        ]
    }
    mine = {"models": [server.url], "reason": "Mine."}
    fork = await run.agent.aupdate_state(
        THREAD, {"plan": plan, "assignments": {"0": mine, "1": mine}}, as_node="plan"
    )
    state = State(**await run.agent.ainvoke(None, fork, context=run.context, interrupt_after=["select"]))
    assert state.assignments["0"].reason == "Mine."
    assert "no model for text-to-video" in state.assignments["1"].reason
    assert state.assignments["2"].models == (server.url, QWEN)


async def test_tasks_without_a_model_are_told_before_they_fail(chat_server: Start) -> None:
    server = chat_server(scripted([{"task": "text-to-video", "args": {"text": "a cat"}}], lambda body: "ok"))
    asked = question_of(await Run(server, approve="models").start())
    assert asked["costs"] == []
    assert (
        "Task 0 cannot run. There is no model for text-to-video here."
        in asked["action_requests"][0]["description"]
    )


SUM = {"id": "0", "name": "summarization", "inputs": [{"slot": "text", "value": "one"}]}


async def test_a_rejected_plan_can_be_edited_at_its_checkpoint_and_run(chat_server: Start) -> None:
    run = Run(chat_server(tasks("one", "two")), approve="plan", planner="retrieval")
    agent, thread = run.agent, THREAD
    await agent.aupdate_state(
        thread, {"messages": REQUEST.messages, "plan": {"tasks": [SUM]}, "approve": "plan"}, as_node="plan"
    )
    await agent.ainvoke(None, thread, context=run.context)
    state = State(**await run.answer(reject("No.")))
    assert statuses(state) == {"0": "skipped"}
    other = {"tasks": [{**SUM, "inputs": [{"slot": "text", "value": "other"}]}]}
    fork = await agent.aupdate_state(thread, {"plan": other, "approve": "never"}, as_node="plan")
    again = State(**await agent.ainvoke(None, fork, context=run.context))
    assert statuses(again) == {"0": "ok"}
