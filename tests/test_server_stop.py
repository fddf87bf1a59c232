"""Runs on LangGraph Server that are stopped: by their client, by its going away, by the end of the server."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import psutil
import pytest
from chat_server import ChatServer, Script, said
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError
from langgraph_server import LangGraphServer, served
from scripted import echo, scripted
from tiny_models import bytes_tokenizer, save

from graph.state import State

Start = Callable[[Script], ChatServer]
GRAPH = "hugginggpt"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Do it."}]}
LAYERS = 100
"""So many, as thin as they are, that the model writes for half a minute."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LangGraphServer]:
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("server")
    config = GPT2Config(
        vocab_size=260, n_embd=16, n_layer=LAYERS, n_head=1, eos_token_id=None, bos_token_id=0, pad_token_id=2
    )
    model = GPT2LMHeadModel(config)
    model.generation_config.eos_token_id = None
    entry = f'[[models]]\nid = "slow"\nfolder = "{save(folder / "slow", model, bytes_tokenizer())}"\n'
    entry += 'tasks = ["text-generation"]\n'
    (folder / "data").mkdir()
    (folder / "data" / "models.toml").write_text(entry)
    with served(folder) as running:
        yield running
    assert "BlockingError" not in running.log


TASKS = [echo("first"), {"task": "text-generation", "args": {"text": "Once"}}]


def worker_of(server: LangGraphServer) -> psutil.Process | None:
    """Return the worker process that computes, if one does."""
    servers = psutil.Process(server.pid).children()
    workers = [worker for one in servers for worker in one.children() if worker.cpu_percent(0.1) > 10]
    return workers[0] if workers else None


async def computing(server: LangGraphServer) -> psutil.Process:
    for _ in range(600):
        if worker := await asyncio.to_thread(worker_of, server):
            return worker
        await asyncio.sleep(0.05)
    raise AssertionError(server.log)


async def gone(process: psutil.Process, seconds: float = 2) -> None:
    began = time.monotonic()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.02)


def outcomes(values: Any) -> dict[str, str]:
    results = State.model_validate(values).results
    return {id_: result.output.text if result.output else result.status for id_, result in results.items()}


def answering(asked: list[str]) -> Script:
    """Answer the first task, and note that it was asked for."""

    def answer(body: dict[str, Any]) -> str:
        asked.append(said(body))
        return "[first]"

    return scripted(TASKS, answer)


def given(chat: ChatServer, **fields: Any) -> dict[str, Any]:
    return {"context": {"model": chat.url, "k": 1, "mode": "local", "max_attempts": 1, **fields}}


async def follow(
    client: LangGraphClient, thread: str, finished: asyncio.Event, on_disconnect: Any, **fields: Any
) -> None:
    """Read what a run reports, and note when its first task has ended."""
    async for part in client.runs.stream(
        thread, GRAPH, input=ASK, stream_mode="custom", on_disconnect=on_disconnect, **fields
    ):
        if part.event == "custom" and part.data.get("status") == "done":
            finished.set()


async def idle(client: LangGraphClient, thread: str) -> None:
    while (await client.threads.get(thread))["status"] == "busy":
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["cancel", "disconnect"])
async def test_stopping_a_run_ends_its_worker_and_keeps_what_is_finished(
    server: LangGraphServer, chat_server: Start, way: str
) -> None:
    asked: list[str] = []
    chat, client, finished = chat_server(answering(asked)), server.client(), asyncio.Event()
    thread = (await client.threads.create())["thread_id"]
    following = asyncio.create_task(follow(client, thread, finished, "cancel", **given(chat)))
    await finished.wait()
    worker = await computing(server)
    (run,) = await client.runs.list(thread)
    if way == "cancel":
        await client.runs.cancel(thread, run["run_id"], action="interrupt")
    else:
        following.cancel()
    await gone(worker)
    await asyncio.wait([following])
    await idle(client, thread)
    assert (await client.runs.get(thread, run["run_id"]))["status"] == "interrupted"
    state = await client.threads.get_state(thread)
    assert (outcomes(state["values"]), state["next"]) == ({"0": "[first]"}, ["execute"])
    values = await client.runs.wait(thread, GRAPH, input=None, **given(chat, task_timeout=0.2))
    assert outcomes(values) == {"0": "[first]", "1": "failed"}
    assert len(asked) == 1


async def test_a_run_that_is_rolled_back_ends_its_worker_and_leaves_nothing(
    server: LangGraphServer, chat_server: Start
) -> None:
    chat, client = chat_server(answering([])), server.client()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, GRAPH, input=ASK, **given(chat))
    worker = await computing(server)
    await client.runs.cancel(thread, run["run_id"], action="rollback")
    await gone(worker)
    while await client.runs.list(thread):
        await asyncio.sleep(0.05)
    assert (await client.threads.get_state(thread))["values"] == {}


class Held:
    """Answers two tasks: the first at once, the other one when it is told to."""

    def __init__(self) -> None:
        self.released, self.asked = threading.Event(), list[str]()

    def __call__(self, body: dict[str, Any]) -> str:
        name = "alpha" if "alpha" in said(body) else "bravo"
        self.asked.append(name)
        if name == "bravo":
            self.released.wait(60)
        return f"[{name}]"


TWO = [echo("alpha"), echo("bravo")]


async def test_a_run_goes_on_without_its_client_where_that_is_wanted(
    server: LangGraphServer, chat_server: Start
) -> None:
    held, finished, client = Held(), asyncio.Event(), server.client()
    chat, thread = chat_server(scripted(TWO, held)), (await client.threads.create())["thread_id"]
    following = asyncio.create_task(follow(client, thread, finished, "continue", **given(chat)))
    await finished.wait()
    following.cancel()
    (run,) = await client.runs.list(thread)

    async def joined() -> list[Any]:
        return [part.data async for part in client.runs.join_stream(thread, run["run_id"])]

    rest = asyncio.create_task(joined())
    await asyncio.sleep(1)
    held.released.set()
    assert [event["status"] for event in await rest if event.get("id") == "1"] == ["done"]
    state = await client.threads.get_state(thread)
    assert outcomes(state["values"]) == {"0": "[alpha]", "1": "[bravo]"}


@pytest.mark.parametrize("way", ["end", "kill"])
async def test_a_run_is_gone_on_with_after_the_end_of_the_server(
    tmp_path: Path, chat_server: Start, way: str
) -> None:
    held, finished = Held(), asyncio.Event()
    chat = chat_server(scripted(TWO, held))
    with served(tmp_path) as server:
        thread = (await server.client().threads.create())["thread_id"]
        following = asyncio.create_task(follow(server.client(), thread, finished, "continue", **given(chat)))
        await finished.wait()
        # The result is on its way to the disk when it is reported.
        await asyncio.sleep(0.5)
        if way == "end":
            began = time.monotonic()
            await asyncio.to_thread(server.stop)
            assert time.monotonic() - began < 10
        else:
            await asyncio.to_thread(server.stop, signal.SIGKILL)
            # The server's own notes of threads and runs are written every ten seconds: here they never were.
            rmtree(tmp_path / ".langgraph_api")
        following.cancel()
        held.released.set()
        await asyncio.to_thread(server.start)
        values = await gone_on_with(server.client(), thread, way, given(chat))
    assert outcomes(values) == {"0": "[alpha]", "1": "[bravo]"}
    assert len(values["messages"]) == 2
    assert held.asked.count("alpha") == 1
    assert len([body for body in chat.requests if "response_format" in body]) == 1


async def gone_on_with(client: LangGraphClient, thread: str, way: str, fields: dict[str, Any]) -> Any:
    if way == "end":
        # The server has taken it up by itself.
        (run,) = await client.runs.list(thread)
        return await client.runs.join(thread, run["run_id"])
    with pytest.raises(NotFoundError):
        await client.threads.get(thread)
    await client.threads.create(thread_id=thread)
    return await client.runs.wait(thread, GRAPH, input=None, **fields)
