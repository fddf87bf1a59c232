"""What LangGraph Server asks of checkpoints, the same for SQLite and Postgres."""

import json
import pkgutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from scripted import context, echo, scripted
from test_prune import Server

from app.runs import config_of
from app.saver import Saver, checkpointer
from graph.agent import build
from graph.files import message
from graph.state import Request
from graph.types import Plan, TaskResult

ROOT = Path(__file__).parent.parent


@dataclass
class Foreign:
    """What somebody else may have written into a checkpoint."""

    text: str


@pytest_asyncio.fixture
async def saver(kept_in: str, chat_server: Server) -> AsyncIterator[Saver]:
    """Checkpoints of a thread `a` with the runs `first` and `second`."""
    server = chat_server(scripted([echo("a")], lambda body: "An answer."))
    async with checkpointer() as opened:
        for name in ("first", "second"):
            config = config_of("a")
            config["metadata"] = {"run_id": name}
            given = Request(messages=[message(f"Do the {name}.")])
            await build(opened).ainvoke(given, config, context=context(server))
        yield opened


async def history(saver: Saver, thread: str) -> list[dict[str, Any]]:
    return [each.values async for each in build(saver).aget_state_history(config_of(thread))]


async def test_a_copy_has_the_whole_history_and_a_life_of_its_own(saver: Saver) -> None:
    await saver.acopy_thread("a", "b")
    before = await history(saver, "a")
    assert len(before) > 10
    assert await history(saver, "b") == before
    await build(saver).aupdate_state(config_of("b"), {"notes": ["edited"]})
    assert (await history(saver, "b"))[0]["notes"] == ["edited"]
    assert await history(saver, "a") == before


async def test_a_run_is_rolled_back(saver: Saver) -> None:
    await saver.adelete_for_runs(["second"])
    latest = (await history(saver, "a"))[0]
    assert [each.text for each in latest["messages"] if each.type == "human"] == ["Do the first."]
    assert {each.metadata.get("run_id") async for each in saver.alist(config_of("a"))} == {"first"}


async def test_all_but_the_latest_checkpoint_is_pruned(saver: Saver) -> None:
    latest = (await history(saver, "a"))[0]
    await saver.aprune(["a"])
    assert await history(saver, "a") == [latest]


@pytest.mark.parametrize("strategy", ["delete", "delete_all"])
async def test_a_thread_is_pruned_whole_under_both_names_that_langgraph_has_for_it(
    saver: Saver, strategy: str
) -> None:
    await saver.acopy_thread("a", "b")
    await saver.aprune(["a"], strategy=strategy)
    assert await saver.threads() == ["b"]
    assert await saver.blobs("a") == []
    with pytest.raises(ValueError, match="strategy"):
        await saver.aprune(["b"], strategy="some")


async def test_only_types_of_the_state_are_built_from_checkpoints(saver: Saver) -> None:
    latest = await saver.aget_tuple(config_of("a"))
    assert latest
    values = latest.checkpoint["channel_values"]
    assert isinstance(values["plan"], Plan)
    assert isinstance(values["results"]["0"], TaskResult)
    config = config_of("c")
    config["configurable"]["checkpoint_ns"] = ""
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"notes": [Foreign("a")]}
    checkpoint["channel_versions"] = {"notes": "1"}
    await saver.aput(config, checkpoint, {}, {"notes": "1"})
    found = await saver.aget_tuple(config)
    assert found
    assert not isinstance(found.checkpoint["channel_values"]["notes"][0], Foreign)


async def test_langgraph_server_is_given_all_that_it_can_use(saver: Saver) -> None:
    served = json.loads((ROOT / "langgraph.json").read_text())["checkpointer"]["path"]
    assert pkgutil.resolve_name(served) is checkpointer
    asked = ("adelete_thread", "adelete_for_runs", "acopy_thread", "aprune")
    assert [name for name in asked if getattr(type(saver), name) is getattr(BaseCheckpointSaver, name)] == []


async def test_langgraphs_own_tests_of_savers_pass(kept_in: str) -> None:
    conformance = pytest.importorskip("langgraph.checkpoint.conformance")
    registered = conformance.checkpointer_test(name=kept_in)(_opened)
    report = await conformance.validate(registered)
    assert report.passed_all(), report.to_dict()


async def _opened() -> AsyncIterator[Saver]:
    async with checkpointer() as opened:
        yield opened
