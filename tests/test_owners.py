"""Owners of artifacts in a run of the graph: what a run of theirs made is theirs, at once and for their later tasks."""

import asyncio
import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chat_server import ChatServer, Script
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image
from scripted import context, echo, scripted, statuses
from web_client import BASE, web

from app.access import Requester
from graph.agent import build, graph
from graph.context import Context
from graph.files import message
from graph.state import Request, State
from tools import keys, marks
from tools.artifacts import store
from tools.errors import InputError, SetupError
from tools.outputs import Artifact
from tools.settings import settings

Start = Callable[[Script], ChatServer]


def of(owner: str) -> RunnableConfig:
    """Return the configuration of a run, as LangGraph Server makes it."""
    return {"configurable": {"langgraph_auth_user": Requester(owner)}}


def asked_of(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Return the settings of a run that asks a chat server, which is one that the settings name."""
    monkeypatch.setenv("HUGGINGGPT_BASE_URL", server.url)
    settings.cache_clear()
    return context(server)


@pytest.fixture
def picture() -> Artifact:
    file = io.BytesIO()
    Image.effect_noise((32, 32), 50).save(file, "PNG")
    return store().put_bytes(file.getvalue(), "cat.png")


async def test_what_a_task_made_is_the_owners(
    chat_server: Start, picture: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2", reason="the extra vision is not installed")
    monkeypatch.setenv("HUGGINGGPT_PUBLIC_URL", BASE)
    settings.cache_clear()
    keys.add("alice")
    # The second task needs what the first one has just made.
    edges: list[dict[str, Any]] = [
        {"task": "canny-control", "args": {"image": image}} for image in ("cat.png", "<resource>-0")
    ]
    asked = Request(messages=[message("Find the edges of cat.png.", [picture])])
    await asyncio.to_thread(marks.claim, "alice", picture.ref)
    chosen = asked_of(chat_server(scripted(edges, lambda _: "")), monkeypatch)
    state = State(**await graph.ainvoke(asked, of("alice"), context=chosen))
    assert statuses(state) == {"0": "ok", "1": "ok"}
    made = [file for result in state.results.values() if result.output for file in result.output.files]
    assert [marks.owns("alice", file.ref) for file in made] == [True, True]
    assert [marks.owns("bob", file.ref) for file in (picture, *made)] == [False, False, False]
    address = re.findall(r"\]\((\S+signature=\w+)\)", str(state.messages[-1].text))[0]
    async with web() as browser:
        assert (await browser.get(address)).headers["Content-Type"] == "image/png"
        assert (await browser.get(httpx.URL(address).copy_with(query=None))).status_code == 401


async def test_somebody_elses_file_is_refused(
    chat_server: Start, picture: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = chat_server(scripted([], lambda _: "Done."))
    chosen = asked_of(server, monkeypatch)
    asked = Request(messages=[message("What is on cat.png?", [picture])])
    await asyncio.to_thread(marks.claim, "alice", picture.ref)
    with pytest.raises(InputError, match="there is no artifact"):
        await graph.ainvoke(asked, of("bob"), context=chosen)
    assert server.requests == []
    await graph.ainvoke(asked, of("alice"), context=chosen)
    # Without keys nobody is asked.
    await graph.ainvoke(asked, of(""), context=chosen)
    await graph.ainvoke(asked, context=chosen)


async def test_an_address_that_the_server_does_not_name_is_not_asked(
    chat_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, named = chat_server(lambda _: "secret"), chat_server(scripted([echo("one")], lambda _: "Done."))
    asked = Request(messages=[message("Hello.")])
    with pytest.raises(InputError, match="HUGGINGGPT_BASE_URL"):
        await graph.ainvoke(asked, of("alice"), context=context(inner))
    chosen = asked_of(named, monkeypatch)
    assert statuses(State(**await graph.ainvoke(asked, of("alice"), context=chosen))) == {"0": "ok"}
    # Nor by an edit of what was selected.
    agent = build(InMemorySaver())
    thread: RunnableConfig = {"configurable": {**of("alice")["configurable"], "thread_id": "t"}}
    await agent.ainvoke(asked, thread, context=chosen, interrupt_after=["select"])
    await agent.aupdate_state(thread, {"assignments": {"0": {"models": [f"{inner.url}#m"]}}})
    state = State(**await agent.ainvoke(None, thread, context=chosen))
    assert statuses(state) == {"0": "failed"}
    assert inner.requests == []
    # Without keys everybody is the one who set the server up.
    await graph.ainvoke(asked, context=context(inner, planner="retrieval"))
    assert inner.requests


async def test_a_task_whose_files_cannot_be_claimed_fails_alone(
    chat_server: Start, picture: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2", reason="the extra vision is not installed")
    await asyncio.to_thread(marks.claim, "alice", picture.ref)
    plan = [{"task": "canny-control", "args": {"image": "cat.png"}}, echo("two")]
    chosen = asked_of(chat_server(scripted(plan, lambda _: "Done.")), monkeypatch)

    def full(owner: str, ref: str) -> None:
        if ref.endswith(".png"):
            raise SetupError("The store is full.")

    monkeypatch.setattr("tools.marks.claim", full)
    asked = Request(messages=[message("Find the edges of cat.png.", [picture])])
    state = State(**await graph.ainvoke(asked, of("alice"), context=chosen))
    assert statuses(state) == {"0": "failed", "1": "ok"}
    assert state.results["0"].error
    assert state.results["0"].error.reason == "The store is full."
