"""Planning the rest anew when tasks failed for good."""

from collections.abc import Callable
from typing import Any

from chat_server import ChatServer, Script, said
from langgraph.checkpoint.memory import InMemorySaver
from scripted import REQUEST, THREAD, context, numbered, planning, statuses, texts

from graph.agent import build
from graph.respond import answer_of
from graph.state import State

Start = Callable[[Script], ChatServer]


FIRST = [numbered(0, "fine"), numbered(1, "broken", 0), numbered(2, "fine", 1)]


async def run(server: ChatServer, **fields: Any) -> State:
    agent = build(InMemorySaver())
    return State(**await agent.ainvoke(REQUEST, THREAD, context=context(server, **fields)))


async def test_the_rest_is_planned_anew_and_may_use_what_is_finished(chat_server: Start) -> None:
    server = chat_server(planning(FIRST, [numbered(0, "fine"), numbered(3, "fine again", 0)]))
    state = await run(server, max_replans=1)
    assert statuses(state) == {"0": "ok", "3": "ok"}
    assert state.plan
    assert [(task.id, task.dep) for task in state.plan.tasks] == [("0", ()), ("3", ("0",))]
    asked = said(server.requests[3])
    assert "task 1 (question-answering) failed" in asked
    assert "- 0: question-answering" in asked
    assert "new tasks from 3" in asked
    # The finished task was not asked for again, and the new one got its result.
    assert sum("Question: fine\n" in said(body) for body in server.requests) == 1
    assert any("fine again" in said(body) and "[1]" in said(body) for body in server.requests)
    assert "planned anew" in answer_of(state)


async def test_nothing_is_planned_anew_by_default(chat_server: Start) -> None:
    server = chat_server(planning(FIRST))
    assert statuses(await run(server)) == {"0": "ok", "1": "failed", "2": "skipped"}


async def test_it_ends_at_the_limit(chat_server: Start) -> None:
    server = chat_server(
        planning(FIRST, [numbered(3, "broken", 0)], [numbered(4, "broken", 0)], [numbered(5, "fine")])
    )
    state = await run(server, max_replans=2)
    assert statuses(state) == {"0": "ok", "4": "failed"}
    assert state.replans == 0


async def test_without_another_way_the_failures_are_told(chat_server: Start) -> None:
    state = await run(chat_server(planning(FIRST, [])), max_replans=3)
    assert statuses(state) == {"0": "ok", "1": "failed", "2": "skipped"}
    assert "Not done: question-answering (task 1)" in answer_of(state)


async def test_a_new_plan_that_stays_invalid_leaves_what_there_is(chat_server: Start) -> None:
    wrong = [numbered(7, "fine", 1)]
    state = await run(chat_server(planning(FIRST, wrong, wrong, wrong)), max_replans=1)
    assert texts(state) == {"0": "[1]"}
    assert "could not be planned anew" in answer_of(state)
