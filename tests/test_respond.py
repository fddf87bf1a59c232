"""The answer: what the chat model is told, and what code puts there."""

from collections.abc import Callable
from typing import Any

import pytest
from chat_server import ChatServer, Reply, Script, said

from graph.agent import build
from graph.context import Context
from graph.facts import fallbacks, table
from graph.files import as_text, files_of, message
from graph.planners.wire import read
from graph.respond import Limits, answer_of, digest
from graph.state import Request, State
from graph.types import Assignment, Plan, Task, TaskError, TaskResult
from tools.errors import HuggingGPTError
from tools.outputs import Artifact, Output
from tools.settings import settings
from tools.sniff import KINDS
from tools.tasks import TASKS

Start = Callable[[Script], ChatServer]
NOWHERE = "http://127.0.0.1:9/v1#none"


def plan(number: int) -> Plan:
    return read([{"task": "summarization", "id": id_, "args": {"text": "a"}} for id_ in range(number)])


def ok(text: str) -> TaskResult:
    return TaskResult(output=Output(text=text), model="some/model", seconds=1.5)


FAILED = TaskResult(error=TaskError(reason="The model is on strike."))


async def respond(model: str, *results: TaskResult) -> State:
    """Run nothing but `respond`, on a state in which all tasks have ended."""
    from langgraph.checkpoint.memory import InMemorySaver

    agent, config = build(InMemorySaver()), {"configurable": {"thread_id": "t"}}
    values: dict[str, Any] = {
        "messages": [message("Summarise these.")],
        "plan": plan(len(results)),
        "results": {str(id_): result for id_, result in enumerate(results)},
    }
    fork = await agent.aupdate_state(config, values, as_node="execute")  # type: ignore[arg-type]
    return State(**await agent.ainvoke(None, fork, context=Context(model=model)))


async def test_failures_are_told_by_code_and_not_to_the_chat_model(chat_server: Start) -> None:
    server = chat_server(lambda body: "Two came out.")
    state = await respond(server.url, ok("one"), ok("two"), FAILED)
    answer = answer_of(state)
    assert answer.startswith("Two came out.")
    assert "Not done: summarization (task 2). The model is on strike." in answer
    assert "strike" not in said(server.requests[0])


def test_the_answer_says_which_model_did_the_work() -> None:
    output = Output(text="one", by="provider")
    second = TaskResult(output=output, model="b/second", failures=("a/first: It is too large.",), attempts=2)
    chosen = Assignment(models=("a/first", "b/second"), reason="x")
    again = second.model_copy(update={"model": "a/first"})
    state = State(plan=plan(2), results={"0": second, "1": again}, assignments={"0": chosen, "1": chosen})
    done = [(task, state.results[task.id]) for task in plan(2).tasks]
    assert fallbacks(done, state) == [
        "summarization (task 0) was done by b/second instead. a/first: It is too large."
    ]
    assert "| b/second (inference provider) |" in table(done)


async def test_what_a_model_thinks_aloud_is_no_answer(chat_server: Start) -> None:
    state = await respond(
        chat_server(lambda body: "<think>Two?</think> Two came out.").url, ok("one"), ok("two")
    )
    assert answer_of(state) == "Two came out."


async def test_the_table_comes_from_the_results(chat_server: Start) -> None:
    state = await respond(chat_server(lambda body: "x").url, ok("a | b"), FAILED)
    text = str(state.messages[-1].text)
    assert "| 0 | summarization | some/model | 1.5 s | a / b |" in text
    assert "| 1 | summarization | - | 0.0 s | failed: The model is on strike. |" in text


async def test_a_single_result_is_the_answer_of_the_embedded_profile() -> None:
    state = await respond("embedded", ok("exactly this"))
    assert answer_of(state) == "exactly this"


async def test_with_nothing_done_no_chat_model_is_asked() -> None:
    state = await respond(NOWHERE, FAILED)
    assert answer_of(state) == "Not done: summarization (task 0). The model is on strike."


async def test_results_are_told_without_a_chat_model() -> None:
    answer = answer_of(await respond(NOWHERE, ok("one"), ok("two")))
    assert "cannot be reached" in answer
    assert "- summarization: one\n- summarization: two" in answer


async def test_conversation_without_a_chat_model_fails(chat_server: Start) -> None:
    server = chat_server(lambda body: '{"tasks": []}' if "response_format" in body else Reply(status=401))
    with pytest.raises(HuggingGPTError):
        await build().ainvoke(Request(messages=[message("Hello")]), context=Context(model=server.url))


async def test_texts_are_kept_as_files_for_later_turns(chat_server: Start) -> None:
    state = await respond(chat_server(lambda body: "x").url, ok("one"), ok("two"))
    assert [file.name for file in files_of(state.messages[-1:])] == [
        "summarization-0.txt",
        "summarization-1.txt",
    ]


def test_no_two_results_of_a_plan_are_called_the_same() -> None:
    # They are called by task type and id: the name of one type never begins that of another up to a hyphen.
    assert [(a, b) for a in TASKS for b in TASKS if b.startswith(f"{a}-")] == []


async def test_an_answer_links_what_it_does_not_show(
    chat_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = chat_server(lambda body: "x")
    made = Artifact(sha256="a" * 64, name="a [1].png", **KINDS[".png"]._asdict())
    voice = Artifact(sha256="b" * 64, name="voice.wav", **KINDS[".wav"]._asdict())
    results = [TaskResult(output=Output(text="made", files=(made, voice))), ok("short"), ok("long " * 50)]
    assert "://" not in str((await respond(server.url, *results)).messages[-1].text)
    monkeypatch.setenv("HUGGINGGPT_PUBLIC_URL", "https://x.test/")
    settings.cache_clear()
    state = await respond(server.url, *results)
    text, address = str(state.messages[-1].text), "https://x.test/artifacts/"
    assert f"![a \\[1\\].png]({address}{'a' * 64}.png/a%20%5B1%5D.png)" in text
    assert f"\n\n[voice.wav]({address}{'b' * 64}.wav/voice.wav)" in text
    assert "[summarization-2.txt](" in text
    assert "[summarization-1.txt](" not in text
    # The links are for browsers: a chat model that reads them writes others of their kind.
    assert address not in str(as_text(state.messages[-1]).text)
    assert [file.name for file in files_of(state.messages[-1:])][:2] == ["a [1].png", "voice.wav"]


def done(*texts: str) -> list[tuple[Task, TaskResult]]:
    return list(zip(plan(len(texts)).tasks, map(ok, texts), strict=True))


def test_a_text_that_is_too_long_is_left_out_unless_there_is_nothing_else() -> None:
    limits = Limits(each=10, together=1000, write=1)
    assert digest(done("short", "x" * 11), limits) == "- summarization: short"
    assert digest(done("x" * 11), limits) == f"- summarization: {'x' * 10} ..."


async def test_a_text_that_looks_like_another_kind_of_file_stays_a_text() -> None:
    (file,) = files_of((await respond(NOWHERE, ok("%PDF-\x00 is how it begins"))).messages[1:])
    assert (file.media, file.name) == ("text", "summarization-0.txt")
