"""The graph with a local expert in a real worker process: stopping it, and taking its output from an earlier run."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Script, said
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from PIL import Image
from scripted import THREAD, context, scripted, statuses, texts
from test_workers import alive

from graph.agent import Agent, build
from graph.files import message
from graph.state import Request, State
from tools import result_cache
from tools.artifacts import store
from tools.asset_manifest import Asset
from tools.assets import ASSETS, cancelled
from tools.experts import workers
from tools.experts.engine import Engine
from tools.experts.engines import ENGINES
from tools.models import embedded_models, place
from tools.outputs import Artifact
from tools.results import keep

Start = Callable[[Script], ChatServer]


@pytest.fixture(autouse=True)
def _counting_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add two models that run in real workers and count their calls."""
    monkeypatch.setitem(
        ENGINES, "counting", Engine(module="counting_engine", requires="json", extra="embedded")
    )
    for name in ("a", "b"):
        model = Asset(
            key=name,
            model=f"{name}/copier",
            license="MIT",
            about="Copies.",
            engine="counting",
            tasks=("image-to-image",),
        )
        monkeypatch.setitem(ASSETS, name, model)
    monkeypatch.setattr(result_cache, "DETERMINISTIC", frozenset({"counting"}))
    embedded_models.cache_clear()
    yield
    workers.shutdown()
    embedded_models.cache_clear()


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        yield build(saver)


@pytest.fixture
def picture(tmp_path: Path) -> Artifact:
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return store().put(path)


def calls(tmp_path: Path) -> list[int]:
    """Return the process ids of the calls that the engine took."""
    path = tmp_path / "calls"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


TASKS = [
    {"task": "summarization", "args": {"text": "alpha"}},
    {"task": "image-to-image", "args": {"image": "picture.png"}},
]


async def run(agent: Agent, server: ChatServer, picture: Artifact, **fields: Any) -> State:
    given = Request(messages=[message("Do it.", [picture])])
    return State(**await agent.ainvoke(given, THREAD, context=context(server, **fields)))


async def test_stopping_a_run_ends_its_workers_and_keeps_what_is_finished(
    chat_server: Start, agent: Agent, picture: Artifact, tmp_path: Path
) -> None:
    asked: list[str] = []

    def answer(body: dict[str, Any]) -> str:
        asked.append(said(body))
        return "[alpha]"

    server = chat_server(scripted(TASKS, answer))
    (tmp_path / "hang").touch()
    going = asyncio.create_task(run(agent, server, picture))
    while not calls(tmp_path) or not asked:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    began = time.monotonic()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    while alive(calls(tmp_path)[0]):
        await asyncio.sleep(0.02)
    assert time.monotonic() - began < 2
    (tmp_path / "hang").unlink()
    state = State(**await agent.ainvoke(None, THREAD, context=context(server)))
    assert statuses(state) == {"0": "ok", "1": "ok"}
    assert len(asked) == 1


async def test_models_on_their_way_hold_up_nothing_else(
    chat_server: Start, agent: Agent, picture: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_done = threading.Event()

    def slowly(name: str) -> None:
        assert others_done.wait(20), "nothing else was done meanwhile"

    monkeypatch.setattr(place, "resolve", slowly)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))

    def answer(body: dict[str, Any]) -> str:
        others_done.set()
        return "[alpha]"

    server = chat_server(scripted([*3 * TASKS[1:], TASKS[0]], answer))
    assert set(statuses(await run(agent, server, picture)).values()) == {"ok"}


async def test_stopping_a_run_ends_its_downloads(
    chat_server: Start, agent: Agent, picture: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slowly(name: str) -> None:
        begun.set()
        stop = cancelled.get() or threading.Event()
        assert stop.wait(20), "it goes on with nobody waiting for it"
        ended.set()

    monkeypatch.setattr(place, "resolve", slowly)
    going = asyncio.create_task(run(agent, chat_server(scripted(TASKS[1:], said)), picture))
    assert await asyncio.to_thread(begun.wait, 20)
    going.cancel()
    await asyncio.wait([going])
    assert await asyncio.to_thread(ended.wait, 5)


async def test_a_worker_that_is_killed_costs_one_attempt(
    chat_server: Start, agent: Agent, picture: Artifact, tmp_path: Path
) -> None:
    server = chat_server(scripted(TASKS[1:], said))
    (tmp_path / "hang").touch()
    going = asyncio.create_task(run(agent, server, picture, k=2, max_attempts=2))
    while not calls(tmp_path):
        await asyncio.sleep(0.02)
    (tmp_path / "hang").unlink()
    # As the kernel does when memory runs out.
    os.kill(calls(tmp_path)[0], signal.SIGKILL)
    state = await asyncio.wait_for(going, 30)
    result = state.results["0"]
    assert (result.status, result.model, result.attempts) == ("ok", "a/copier", 2)


async def test_an_earlier_output_is_taken_only_when_allowed_and_only_for_the_same_input(
    chat_server: Start, agent: Agent, picture: Artifact, tmp_path: Path
) -> None:
    server = chat_server(scripted(TASKS[1:], said))
    counted = []
    for allowed in (False, True, True, False):
        state = await run(agent, server, picture, cache_results=allowed)
        assert state.results["0"].output
        assert store().exists(state.results["0"].output.files[0].ref)
        counted.append(len(calls(tmp_path)))
    assert counted == [1, 2, 2, 3]
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "picture.png")
    other = store().put(tmp_path / "picture.png")
    server.script = scripted([{"task": "image-to-image", "args": {"image": other.ref}}], said)
    await run(agent, server, other, cache_results=True)
    assert len(calls(tmp_path)) == 4


async def test_an_output_whose_file_is_gone_is_made_again(
    chat_server: Start, agent: Agent, picture: Artifact, tmp_path: Path
) -> None:
    server = chat_server(scripted(TASKS[1:], said))
    state = await run(agent, server, picture, cache_results=True)
    assert state.results["0"].output
    store().path(state.results["0"].output.files[0].ref).unlink()
    state = await run(agent, server, picture, cache_results=True)
    assert len(calls(tmp_path)) == 2
    assert texts(state) == {"0": "copied"}


@pytest.mark.parametrize(
    ("task", "model", "cached"),
    [
        ("image-to-image", "a/copier", True),
        ("summarization", "openai:gpt", False),
        ("image-to-image", "no/model", False),
    ],
)
def test_only_deterministic_experts_of_a_known_version_are_cached(
    task: str, model: str, cached: bool
) -> None:
    assert (result_cache.cache_key(task, model, {"image": "artifact://x"}) is not None) == cached


def test_the_key_follows_the_version_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    before = result_cache.cache_key("image-to-image", "a/copier", {})
    monkeypatch.setitem(ASSETS, "a", ASSETS["a"].model_copy(update={"revision": "v2"}))
    assert result_cache.cache_key("image-to-image", "a/copier", {}) != before


def test_an_output_that_another_version_kept_is_none() -> None:
    keep(f"{result_cache.FOLDER}/key", result_cache.OUTPUT, '{"shape": "old"}')
    assert result_cache.cached("key") is None
