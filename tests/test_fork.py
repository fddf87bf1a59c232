"""Going on from an edited checkpoint: `update_state` with plain JSON, as Studio and the server hand it over."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script, said
from langchain_core.runnables import RunnableConfig
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateSnapshot
from scripted import REQUEST, THREAD, context, echo, scripted, texts

from app.checkpoints import checkpoints
from graph.agent import Agent, build
from graph.kept import Kept
from graph.respond import answer_of
from graph.state import State
from graph.types import Input, Task, TaskResult
from tools.outputs import Output

Start = Callable[[Script], ChatServer]
TASKS = [echo("alpha"), echo("bravo", 0), echo("charlie")]
"""Task 1 takes what task 0 made; task 2 stands alone."""


class Fork:
    """A finished run of `TASKS`, and what is done from its checkpoints.

    Each answer is the task's name with a number that grows, so that a task that was done again is seen.
    """

    def __init__(self, agent: Agent, start: Start) -> None:
        self.agent, self.done = agent, list[str]()
        self.server = start(scripted(TASKS, self._answer))

    def _answer(self, body: dict[str, Any]) -> str:
        question = said(body).partition("Question: ")[2].partition("\n")[0]
        self.done.append(question)
        return f"{question} {len(self.done)} of [{said(body).partition('Text:')[2].split(chr(10))[1]}]"

    async def begun(self) -> State:
        state = State(**await self.agent.ainvoke(REQUEST, THREAD, context=context(self.server)))
        assert sorted(self.done) == ["alpha", "bravo", "charlie"]
        self.done.clear()
        return state

    async def at(self, node: str) -> StateSnapshot:
        """Return the first run's checkpoint before a node."""
        history = [one async for one in self.agent.aget_state_history(THREAD)]
        found: StateSnapshot = next(one for one in reversed(history) if set(one.next) == {node})
        return found

    async def edited(self, where: RunnableConfig, values: object, as_node: str | None) -> State:
        """Edit the state with what comes out of JSON, and go on from there."""
        fork = await self.agent.aupdate_state(where, json.loads(json.dumps(values)), as_node=as_node)
        return await self.gone_on(fork)

    async def gone_on(self, where: RunnableConfig, **fields: Any) -> State:
        return State(**await self.agent.ainvoke(None, where, context=context(self.server, **fields)))


@pytest.fixture
async def fork(tmp_path: Path, chat_server: Start) -> AsyncIterator[Fork]:
    async with checkpoints(tmp_path / "checkpoints.sqlite") as saver:
        yield Fork(build(saver), chat_server)


async def test_another_input_after_plan_is_planned_with_from_there(fork: Fork) -> None:
    first = await fork.begun()
    plan = first.model_dump(mode="json")["plan"]
    plan["tasks"][0]["inputs"][0]["value"] = "delta"
    state = await fork.edited((await fork.at("select")).config, {"plan": plan}, "plan")
    assert sorted(fork.done) == ["bravo", "charlie", "delta"]
    assert texts(state)["0"].startswith("delta")
    assert "delta" in texts(state)["1"]
    assert [one.type for one in state.messages] == ["human", "ai"]
    assert "delta" in str(state.messages[-1].text)


async def test_a_plan_edited_at_the_end_redoes_what_it_changes(fork: Fork) -> None:
    plan = (await fork.begun()).model_dump(mode="json")["plan"]
    plan["tasks"][0]["inputs"][0]["value"] = "delta"
    state = await fork.edited(THREAD, {"plan": plan}, "plan")
    assert fork.done == ["delta", "bravo"]
    # The request is still the user's message, not the answer after it.
    assert any("Request: Do it." in said(body) for body in fork.server.requests[-1:])
    assert answer_of(state) == "Done."


async def test_an_edited_result_redoes_what_takes_it_and_nothing_else(fork: Fork) -> None:
    first = await fork.begun()
    by_hand = {"results": {"0": {"output": {"text": "by hand"}}}}
    state = await fork.edited((await fork.at("respond")).config, by_hand, "execute")
    assert fork.done == ["bravo"]
    assert texts(state) == {**texts(first), "0": "by hand", "1": "bravo 1 of [by hand]"}
    assert "| 0 | question-answering | - | 0.0 s | by hand |" in str(state.messages[-1].text)


async def test_an_edit_inside_a_whole_result_does_the_same(fork: Fork) -> None:
    result = (await fork.begun()).model_dump(mode="json")["results"]["0"]
    result["output"]["text"] = "by hand"
    await fork.edited((await fork.at("respond")).config, {"results": {"0": result}}, "execute")
    assert fork.done == ["bravo"]


async def test_null_takes_a_result_away_so_that_it_is_made_again(fork: Fork) -> None:
    first = await fork.begun()
    state = await fork.edited((await fork.at("respond")).config, {"results": {"0": None}}, "execute")
    assert fork.done == ["alpha", "bravo"]
    assert texts(state)["2"] == texts(first)["2"]


async def test_what_is_made_again_takes_the_new_output_at_once(fork: Fork) -> None:
    await fork.begun()
    before = len([one async for one in fork.agent.aget_state_history(THREAD)])
    await fork.edited((await fork.at("respond")).config, {"results": {"0": None}}, "execute")
    # The edit, respond, which sends both tasks in one step, execute, respond.
    assert len([one async for one in fork.agent.aget_state_history(THREAD)]) - before == 4


async def test_another_model_after_select(fork: Fork, chat_server: Start) -> None:
    await fork.begun()
    other = chat_server(lambda body: "from another model")
    chosen = {"assignments": {"2": {"models": [other.url]}}}
    state = await fork.edited((await fork.at("execute")).config, chosen, "select")
    assert state.results["2"].model == other.url
    assert texts(state)["2"] == "from another model"
    assert sorted(fork.done) == ["alpha", "bravo"]


async def test_another_model_for_a_finished_task(fork: Fork, chat_server: Start) -> None:
    await fork.begun()
    other = chat_server(lambda body: "from another model")
    values = {"assignments": {"2": {"models": [other.url]}}, "results": {"2": None}}
    state = await fork.edited(THREAD, values, "execute")
    assert texts(state)["2"] == "from another model"
    assert fork.done == []


async def test_an_edit_at_the_end_needs_no_node(fork: Fork) -> None:
    await fork.begun()
    state = await fork.edited(THREAD, {"results": {"0": {"output": {"text": "by hand"}}}}, None)
    assert fork.done == ["bravo"]
    assert [one.type for one in state.messages] == ["human", "ai", "ai"]
    assert texts(state)["1"] == "bravo 1 of [by hand]"


async def test_a_mended_result_revives_what_was_skipped(fork: Fork) -> None:
    fork.server.script = scripted(TASKS, lambda body: "" if "alpha" in said(body) else fork._answer(body))
    first = State(**await fork.agent.ainvoke(REQUEST, THREAD, context=context(fork.server)))
    assert [result.status for _, result in sorted(first.results.items())] == ["failed", "skipped", "ok"]
    fork.done.clear()
    by_hand = {"results": {"0": {"output": {"text": "by hand"}}}}
    state = await fork.edited((await fork.at("respond")).config, by_hand, "execute")
    assert fork.done == ["bravo"]
    assert [result.status for _, result in sorted(state.results.items())] == ["ok", "ok", "ok"]


async def test_an_old_checkpoint_is_done_again_and_not_taken_from_what_was_kept(fork: Fork) -> None:
    await fork.begun()
    sent = await fork.at("execute")
    await fork.gone_on(sent.config)
    assert sorted(fork.done) == ["alpha", "bravo", "charlie"]
    fork.done.clear()
    await fork.gone_on((await fork.at("plan")).config)
    assert sorted(fork.done) == ["alpha", "bravo", "charlie"]


async def test_what_was_kept_is_taken_for_the_same_task_and_the_same_sources_only() -> None:
    task = Task(id="1", name="summarization", inputs=(Input(slot="text", source="0"),))
    source, other = (TaskResult(output=Output(text=text)) for text in ("this", "that"))
    result = TaskResult(output=Output(text="made"), digest=task.digest({"0": source}))
    async with (first := Kept("turn/step")).opened():
        first.keep(task, result)
    longer = task.model_copy(update={"inputs": (*task.inputs, *task.inputs)})
    async with (second := Kept("turn/step")).opened():
        assert await second.found(task, {"0": source}) == result
        assert await second.found(task, {"0": other}) is None
        assert await second.found(longer, {"0": source}) is None


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "`plan.tasks.0` is not valid: task 0: there is no task type 'teleport'.": (
        "plan",
        {"plan": {"tasks": [{"id": "0", "name": "teleport"}]}},
    ),
    "`plan.tasks.0.inputs.0` is not valid: slot 'text' needs exactly one of `value` and `source`.": (
        "select",
        {"plan": {"tasks": [{"id": "0", "name": "summarization", "inputs": [{"slot": "text"}]}]}},
    ),
    "`assignments.0` is not valid: Input should be a valid dictionary or instance of Assignment.": (
        "select",
        {"assignments": {"0": "a model"}},
    ),
    "`results.0.output` is not valid: Input should be a valid dictionary or instance of Output.": (
        "execute",
        {"results": {"0": {"output": "some text"}}},
    ),
    "`results.0` is not valid: a result has exactly one of `output` and `error`.": (
        "execute",
        {"results": {"0": {"model": "m"}}},
    ),
    "`results` is not valid: 'list' object is not a mapping.": ("execute", {"results": ["some text"]}),
    "`results` is not valid: Input should be a valid dictionary.": (
        "select",
        {"results": {"__overwrite__": 3}},
    ),
    "`replans` is not valid: Input should be greater than or equal to 0.": ("select", {"replans": -1}),
}
"""What an edit is refused with."""


async def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(fork: Fork) -> None:
    first = await fork.begun()
    before = await fork.agent.aget_state(THREAD)
    for sentence, (as_node, values) in WRONG.items():
        with pytest.raises(InvalidUpdateError) as told:
            await fork.agent.aupdate_state(THREAD, values, as_node=as_node)
        assert str(told.value) == sentence
    after = await fork.agent.aget_state(THREAD)
    assert after.config == before.config
    assert State(**after.values) == first


async def test_a_plan_is_checked_on_a_thread_that_has_none(fork: Fork) -> None:
    with pytest.raises(InvalidUpdateError, match="there is no task type 'teleport'"):
        await fork.agent.aupdate_state(THREAD, {"plan": {"tasks": [{"id": "0", "name": "teleport"}]}}, "plan")
