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
from PIL import Image
from scripted import context, scripted, statuses
from web_client import BASE, web

from app.access import Requester
from graph.agent import graph
from graph.files import message
from graph.state import Request, State
from tools import keys
from tools.artifacts import store
from tools.errors import InputError
from tools.outputs import Artifact
from tools.settings import settings

Start = Callable[[Script], ChatServer]


def of(owner: str) -> RunnableConfig:
    """Return the configuration of a run, as LangGraph Server makes it."""
    return {"configurable": {"langgraph_auth_user": Requester(owner)}}


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
    await asyncio.to_thread(store().claim, "alice", picture.ref)
    chosen = context(chat_server(scripted(edges, lambda _: "")))
    state = State(**await graph.ainvoke(asked, of("alice"), context=chosen))
    assert statuses(state) == {"0": "ok", "1": "ok"}
    made = [file for result in state.results.values() if result.output for file in result.output.files]
    assert [store().owns("alice", file.ref) for file in made] == [True, True]
    assert [store().owns("bob", file.ref) for file in (picture, *made)] == [False, False, False]
    address = re.findall(r"\]\((\S+signature=\w+)\)", str(state.messages[-1].text))[0]
    async with web() as browser:
        assert (await browser.get(address)).headers["Content-Type"] == "image/png"
        assert (await browser.get(httpx.URL(address).copy_with(query=None))).status_code == 401


async def test_somebody_elses_file_is_refused(chat_server: Start, picture: Artifact) -> None:
    server = chat_server(scripted([], lambda _: "Done."))
    asked = Request(messages=[message("What is on cat.png?", [picture])])
    await asyncio.to_thread(store().claim, "alice", picture.ref)
    with pytest.raises(InputError, match="there is no artifact"):
        await graph.ainvoke(asked, of("bob"), context=context(server))
    assert server.requests == []
    await graph.ainvoke(asked, of("alice"), context=context(server))
    # Without keys nobody is asked.
    await graph.ainvoke(asked, of(""), context=context(server))
    await graph.ainvoke(asked, context=context(server))
