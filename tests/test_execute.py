"""Scheduling: plans of every shape, through every way a graph can be run."""

import asyncio
import gc
import random
import re
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest
from blockbuster import BlockBuster
from chat_server import ChatServer, Script, said
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.context import collect_runs
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from scripted import REQUEST, THREAD, context, joined, scripted, statuses, texts

from graph import board
from graph.agent import Agent, build
from graph.context import Context
from graph.nodes import wait_for
from graph.state import State

pytestmark = pytest.mark.usefixtures("no_blocking")

Start = Callable[[Script], ChatServer]
Sources = list[tuple[int, ...]]
"""The sources of each task; tasks are numbered from 0."""
SHAPES: dict[str, Sources] = {
    "chain": [(), *((n,) for n in range(11))],
    "fan": [(), *((0,) for _ in range(29))],
    "diamond": [(), (0,), (0,), (1, 2)],
    "ladder": [(), (), (0, 1), (1, 0), (2, 3), (3, 2)],
    "disconnected": [(), (0,), (), (2,), (), (4,)],
    "sources last": [(3,), (0, 2), (), ()],
}


def plan_of(sources: Sources, name: str = "job") -> list[dict[str, Any]]:
    return [joined(f"{name}-{number:02}", of) for number, of in enumerate(sources)]


def work(body: dict[str, Any]) -> str:
    """Answer with the job's own name and the names of the jobs whose answers it was given."""
    own = re.search(r"(?<!\[)\b\w+-\d\d\b", said(body))
    assert own
    given = sorted(set(re.findall(r"\[(\w+-\d\d)", said(body))))
    return f"[{own[0]} after {' '.join(name.replace('-', '/') for name in given)}]"


def right(sources: Sources, name: str = "job") -> dict[str, str]:
    return {
        str(number): f"[{name}-{number:02} after {' '.join(f'{name}/{n:02}' for n in sorted(of))}]"
        for number, of in enumerate(sources)
    }


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        yield build(saver)


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_gives_every_task_the_results_of_its_sources(
    chat_server: Start, agent: Agent, shape: str
) -> None:
    server = chat_server(scripted(plan_of(SHAPES[shape]), work))
    state = State(**await agent.ainvoke(REQUEST, THREAD, context=context(server)))
    assert texts(state) == right(SHAPES[shape])


@pytest.mark.parametrize("seed", range(5))
async def test_random_plans_with_failures_skip_exactly_what_needs_the_failed(
    chat_server: Start, agent: Agent, seed: int
) -> None:
    rng = random.Random(seed)
    sources: Sources = [tuple(rng.sample(range(n), min(n, rng.choice((0, 1, 2))))) for n in range(14)]
    broken = set(rng.sample(range(14), 2))

    def answer(body: dict[str, Any]) -> str:
        return "" if any(f"job-{n:02}" in said(body) for n in broken) else work(body)

    state = State(
        **await agent.ainvoke(
            REQUEST, THREAD, context=context(chat_server(scripted(plan_of(sources), answer)))
        )
    )
    wanted: list[str] = []
    for number, of in enumerate(sources):
        lost = any(wanted[n] != "ok" for n in of)
        wanted.append("skipped" if lost else "failed" if number in broken else "ok")
    assert statuses(state) == {str(number): status for number, status in enumerate(wanted)}


async def test_runs_side_by_side_do_not_mix(chat_server: Start, agent: Agent) -> None:
    names = ["ant", "bee", "cat", "dog", "eel"]
    shapes = [SHAPES[shape] for shape in ("chain", "diamond", "ladder", "disconnected", "sources last")]
    servers = [
        chat_server(scripted(plan_of(shape, name), work)) for name, shape in zip(names, shapes, strict=True)
    ]
    configs: list[RunnableConfig] = [{"configurable": {"thread_id": name}} for name in names]
    runs = [
        agent.ainvoke(REQUEST, config, context=context(server))
        for config, server in zip(configs, servers, strict=True)
    ]
    found = [texts(State(**values)) for values in await asyncio.gather(*runs)]
    assert found == [right(shape, name) for shape, name in zip(shapes, names, strict=True)]


@pytest.mark.parametrize("kind", ["none", "memory", "sqlite"])
def test_without_an_event_loop(chat_server: Start, tmp_path: Path, kind: str) -> None:
    server = chat_server(scripted(plan_of(SHAPES["fan"]), work))
    with SqliteSaver.from_conn_string(str(tmp_path / "sync.sqlite")) as sqlite:
        agent = build({"none": None, "memory": InMemorySaver(), "sqlite": sqlite}[kind])
        config = None if kind == "none" else THREAD
        values = agent.invoke(REQUEST, config, context=context(server))
        assert texts(State(**values)) == right(SHAPES["fan"])
        if config:
            assert texts(State(**agent.get_state(config).values)) == right(SHAPES["fan"])


def test_without_an_event_loop_tasks_run_at_the_same_time(chat_server: Start) -> None:
    together = threading.Barrier(3, timeout=20)

    def answer(body: dict[str, Any]) -> str:
        together.wait()
        return work(body)

    server = chat_server(scripted(plan_of([(), (), ()]), answer))
    assert len(texts(State(**build().invoke(REQUEST, context=context(server))))) == 3


def test_nodes_in_threads_share_one_loop() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert wait_for(loop()) is wait_for(loop())


async def test_invoke_works_where_a_loop_runs_already(chat_server: Start, no_blocking: BlockBuster) -> None:
    # As in a notebook, whose loop cannot go on meanwhile.
    no_blocking.deactivate()
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    values = build().invoke(REQUEST, context=context(server))
    assert texts(State(**values)) == right(SHAPES["diamond"])


class Outer(TypedDict, total=False):
    messages: list[Any]
    results: dict[str, Any]


@dataclass
class Theirs:
    """Settings of somebody else's graph."""

    approve: str


def within_another(saver: Any = None) -> Any:
    """Return a graph of somebody else, of which the agent is one node."""
    outer = StateGraph(Outer, context_schema=Context)
    outer.add_node("agent", build())
    outer.add_edge(START, "agent")
    return outer.compile(checkpointer=saver)


async def test_as_a_node_of_another_graph(chat_server: Start) -> None:
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    given = {"messages": REQUEST.messages}
    for saver, config in ((None, None), (InMemorySaver(), THREAD)):
        values = await within_another(saver).ainvoke(given, config, context=context(server))
        assert {id_: result.output.text for id_, result in values["results"].items()} == right(
            SHAPES["diamond"]
        )


async def test_as_a_node_of_a_graph_with_settings_of_its_own(
    chat_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    monkeypatch.setenv("HUGGINGGPT_MODEL", server.url)
    outer = StateGraph(Outer, context_schema=Theirs)
    outer.add_node("agent", build())
    outer.add_edge(START, "agent")
    values = await outer.compile().ainvoke({"messages": REQUEST.messages}, context=Theirs(approve="yes"))
    assert {id_: result.output.text for id_, result in values["results"].items()} == right(SHAPES["diamond"])


def test_as_a_node_of_another_graph_without_an_event_loop(chat_server: Start) -> None:
    server = chat_server(scripted(plan_of(SHAPES["chain"]), work))
    values = within_another().invoke({"messages": REQUEST.messages}, context=context(server))
    assert len(values["results"]) == len(SHAPES["chain"])


async def test_a_subgraph_that_was_stopped_goes_on(chat_server: Start) -> None:
    calls: list[str] = []
    release = threading.Event()

    def answer(body: dict[str, Any]) -> str:
        calls.append(work(body))
        if "job-02" in calls[-1] and not release.is_set():
            release.wait(20)
        return calls[-1]

    outer = within_another(InMemorySaver())
    server = chat_server(scripted(plan_of([(), (0,), ()]), answer))
    run = asyncio.create_task(outer.ainvoke({"messages": REQUEST.messages}, THREAD, context=context(server)))
    while len(calls) < 3:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    release.set()
    values = await outer.ainvoke(None, THREAD, context=context(server))
    assert {id_: result.output.text for id_, result in values["results"].items()} == right([(), (0,), ()])
    assert sorted(call[:7] for call in calls) == ["[job-00", "[job-01", "[job-02", "[job-02"]


async def test_every_stream_mode_tells_the_results(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    modes = ["values", "updates", "custom", "messages", "debug", "tasks", "checkpoints"]
    seen: dict[str, list[Any]] = {mode: [] for mode in modes}
    async for mode, payload in agent.astream(REQUEST, THREAD, context=context(server), stream_mode=modes):  # type: ignore[arg-type]
        seen[mode].append(payload)
    assert set(seen["values"][-1]["results"]) == {"0", "1", "2", "3"}
    done = [id_ for update in seen["updates"] for id_ in (update.get("execute") or {}).get("results", {})]
    assert sorted(done) == ["0", "1", "2", "3"]
    assert sum(event.get("status") == "done" for event in seen["custom"]) == 4
    assert any(meta["langgraph_node"] == "respond" and chunk.text for chunk, meta in seen["messages"])
    assert sum(item["name"] == "execute" and "result" in item for item in seen["tasks"]) == 4
    assert set(seen["checkpoints"][-1]["values"]["results"]) == {"0", "1", "2", "3"}
    assert {"task", "task_result", "checkpoint"} <= {item["type"] for item in seen["debug"]}


@pytest.mark.parametrize("node", ["plan", "select", "execute", "respond"])
async def test_an_interrupted_run_goes_on(chat_server: Start, agent: Agent, node: str) -> None:
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    await agent.ainvoke(REQUEST, THREAD, context=context(server), interrupt_before=[node])
    assert (await agent.aget_state(THREAD)).next
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    assert texts(state) == right(SHAPES["diamond"])
    assert len(server.requests) == 6


async def test_nothing_is_left_of_a_run(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted(plan_of(SHAPES["ladder"]), work))
    await agent.ainvoke(REQUEST, THREAD, context=context(server))
    run = asyncio.create_task(agent.ainvoke(REQUEST, THREAD, context=context(server)))
    await asyncio.sleep(0.05)
    run.cancel()
    await asyncio.wait([run])
    await asyncio.sleep(0.1)
    gc.collect()
    assert not board._boards
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_whoever_traces_a_run_sees_every_tool_call(chat_server: Start, agent: Agent) -> None:
    server = chat_server(scripted(plan_of(SHAPES["diamond"]), work))
    with collect_runs() as tracer:
        state = State(**await agent.ainvoke(REQUEST, THREAD, context=context(server)))
    assert texts(state) == right(SHAPES["diamond"])
    waiting, calls = list(tracer.traced_runs), []
    while waiting:
        run = waiting.pop()
        waiting += run.child_runs
        calls += [run] if run.run_type == "tool" else []
    assert sorted(run.name for run in calls) == [
        *(f"question-answering {id_}" for id_ in (0, 1, 2)),
        "translation 3",
    ]
    assert {"question", "context"} in [set(run.inputs) for run in calls], (
        "slots, and nothing that is injected"
    )
