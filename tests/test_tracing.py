"""Traces of whole runs as LangSmith gets them: the real client sends them to a collector on loopback."""

import asyncio
import atexit
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import langsmith
import pytest
import requests
from chat_server import ChatServer, Reply, Script
from hub_server import TOKEN, Answer, Call
from langsmith import run_trees, utils
from provider_cases import REPLIES, png, providers
from scripted import context, echo, scripted
from trace_server import TraceServer, serve

from graph.agent import build
from graph.files import message
from graph.state import Request, State
from tools import tracing
from tools.artifacts import store
from tools.errors import SetupError
from tools.hf_http import apart
from tools.models import registry
from tools.settings import settings
from tools.trace_client import BROKEN, FORCED, TraceClient, delivers, prepare, without_secrets

Start = Callable[[Script], ChatServer]
ROOT = Path(__file__).parent.parent
HOUSE = png((40, 30), "brown")
CAT = png((20, 20), "grey")
TASKS = [
    {"task": "text-to-image", "args": {"text": "a grey cat"}},
    {"task": "image-to-text", "args": {"image": "<resource>-0"}},
    {"task": "image-to-text", "args": {"image": "house.png"}},
]


@contextmanager
def traced(monkeypatch: pytest.MonkeyPatch, url: str, **variables: str) -> Iterator[TraceClient]:
    """Trace to an address as a new process would that has these variables."""
    given = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "lsv2_a_secret_key"}
    for name, value in {**FORCED, **given, **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(run_trees, "_CLIENT", None)
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
    settings.cache_clear()
    prepare()
    client = run_trees._CLIENT
    assert isinstance(client, TraceClient)
    try:
        yield client
    finally:
        atexit.unregister(client.finish)
        client.cleanup(timeout=0)
        for name in ("LANGSMITH_TRACING", *variables):
            monkeypatch.delenv(name)
        utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


@pytest.fixture
def collector() -> Iterator[TraceServer]:
    with serve() as server:
        yield server


@pytest.fixture
def experts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two endpoints of one's own: `bad` refuses to draw, `good` draws and describes."""

    def answer(call: Call) -> Answer | object:
        if call.path == "/bad":
            return Answer({"error": "no"}, 400)
        return Answer(CAT) if b"a grey cat" in call.data else REPLIES["image-to-text"][0]

    with providers(monkeypatch) as server:
        server.script = answer
        registry.add(f"{server.url}/bad", ["text-to-image"], {"name": "bad"})
        registry.add(f"{server.url}/good", ["text-to-image", "image-to-text"], {"name": "good"})
        yield


async def draw(chat: ChatServer, client: TraceClient | None, **fields: Any) -> State:
    """Draw a cat, describe it and a house, and send the trace."""
    house = await asyncio.to_thread(store().put_bytes, HOUSE, "house.png")
    request = Request(messages=[message("Draw a grey cat, describe it and house.png.", [house])])
    settled = context(chat, **{"k": 2, "max_attempts": 2, **fields})
    state = State(**await build().ainvoke(request, context=settled))
    if client:
        await asyncio.to_thread(client.finish)
    return state


async def test_runs_are_named_after_stages_and_tasks(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    with traced(monkeypatch, collector.url) as client:
        state = await draw(chat, client)
    assert {id_: result.status for id_, result in state.results.items()} == dict.fromkeys("012", "ok")
    top, below = collector.tree()
    assert top == "hugginggpt"
    tasks = {name: below[place + 1] for place, name in enumerate(below) if str(name).startswith("execute")}
    assert below[:4] == ["plan", ["ChatOpenAI"], "select", ["ChatOpenAI"]]
    assert below[-2:] == ["respond", ["ChatOpenAI"]]
    assert tasks == {
        "execute text-to-image 0": ["text-to-image 0", "text-to-image 0"],
        "execute image-to-text 1": ["image-to-text 1"],
        "execute image-to-text 2": ["image-to-text 2"],
    }
    names = [name for name in below if isinstance(name, str)]
    assert names == ["plan", "select", *tasks, "respond"]


async def test_a_task_tells_what_did_it_and_what_failed_before(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    with traced(monkeypatch, collector.url) as client:
        await draw(chat, client)
    (task,) = collector.named("execute text-to-image 0")
    facts = {"task": "text-to-image", "task_id": "0"}
    assert {**facts, "status": "ok", "model": "good", "engine": "endpoint", "attempts": 2}.items() <= meta(
        task
    )
    assert "text-to-image" in task["tags"]
    assert not task.get("error")
    first, second = collector.named("text-to-image 0")
    assert {**facts, "model": "bad", "attempt": 1, "engine": "endpoint"}.items() <= meta(first)
    assert {**facts, "model": "good", "attempt": 2, "engine": "endpoint"}.items() <= meta(second)
    assert "status 400" in first["error"]
    assert first["run_type"] == second["run_type"] == "tool"
    assert not second.get("error")
    assert "text-to-image" not in collector.named("execute image-to-text 1")[0]["tags"], "tags are not shared"
    assert all(
        run["extra"]["metadata"]["usage_metadata"]["total_tokens"] == 12
        for run in collector.named("ChatOpenAI")
    )


async def test_a_failed_task_is_a_failed_run_and_a_skipped_one_is_not(
    chat_server: Start, collector: TraceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted([echo("one"), echo("two", 0)], lambda body: Reply(status=400)))
    with traced(monkeypatch, collector.url) as client:
        await build().ainvoke(Request(messages=[message("Do it.")]), context=context(chat))
        await asyncio.to_thread(client.finish)
    (failed,) = collector.named("execute question-answering 0")
    (skipped,) = collector.named("execute question-answering 1")
    assert "refused the request (status 400)" in failed["error"]
    assert (meta_of(failed)["status"], meta_of(skipped)["status"]) == ("failed", "skipped")
    assert not skipped.get("error")
    assert not collector.named("hugginggpt")[0].get("error")
    (call,) = collector.children(collector.named("question-answering 0")[0]["id"])
    assert {"task": "question-answering", "task_id": "0", "model": chat.url}.items() <= meta(call)


async def test_the_planner_that_needs_no_chat_model_is_a_step(
    chat_server: Start, collector: TraceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGGINGGPT_INDEX_URL", "http://127.0.0.1:9")
    with traced(monkeypatch, collector.url) as client:
        given = context(chat_server(lambda body: ""), planner="retrieval")
        with pytest.raises(SetupError, match="sentence-transformers/all-MiniLM-L6-v2"):
            await build().ainvoke(Request(messages=[message("Do it.")]), context=given)
        await asyncio.to_thread(client.finish)
    assert collector.tree() == ["hugginggpt", ["plan", ["retrieval planner"]]]


async def test_media_are_attached_up_to_a_limit(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    with traced(monkeypatch, collector.url) as client:
        await draw(chat, client)
    made, described, given = (
        collector.attachments[collector.named(f"execute {name}")[0]["id"]]
        for name in ("text-to-image 0", "image-to-text 1", "image-to-text 2")
    )
    assert made == {"output 1": ("image/png", CAT)}
    assert described == {"image": ("image/png", CAT)}
    assert given == {"image": ("image/png", HOUSE)}
    between = str((len(CAT) + len(HOUSE)) / 2 / 1e6)
    smaller, larger = sorted((CAT, HOUSE), key=len)
    for limit, shown in (("0", []), (between, [smaller])):
        collector.attachments.clear()
        with traced(monkeypatch, collector.url, HUGGINGGPT_TRACE_ATTACHMENT_MB=limit) as client:
            await draw(chat, client)
        found = {data for files in collector.attachments.values() for _, data in files.values()}
        assert found == set(shown), "larger ones stay references"
    assert larger not in found


async def test_a_failed_task_shows_no_media(
    chat_server: Start, collector: TraceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted([TASKS[2]], lambda body: "never asked"))
    with providers(monkeypatch) as server:
        server.script = lambda call: Answer({"error": "no"}, 400)
        registry.add(f"{server.url}/bad", ["image-to-text"], {"name": "bad"})
        with traced(monkeypatch, collector.url) as client:
            state = await draw(chat, client, k=1, max_attempts=1)
    assert state.results["0"].status == "failed"
    assert "status 400" in collector.named("execute image-to-text 0")[0]["error"]
    assert not collector.attachments


@pytest.mark.parametrize(("hidden", "shown"), [("INPUTS", {CAT}), ("OUTPUTS", {CAT, HOUSE})])
async def test_media_are_left_out_with_inputs_and_with_outputs(  # noqa: PLR0917
    chat_server: Start,
    collector: TraceServer,
    experts: None,
    monkeypatch: pytest.MonkeyPatch,
    hidden: str,
    shown: set[bytes],
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    with traced(monkeypatch, collector.url, **{f"LANGSMITH_HIDE_{hidden}": "true"}) as client:
        await draw(chat, client)
    assert {data for files in collector.attachments.values() for _, data in files.values()} == shown
    names = {name.partition(" ")[0] for files in collector.attachments.values() for name in files}
    assert names == ({"output"} if hidden == "INPUTS" else {"image"})


async def test_nothing_of_a_request_is_left_when_inputs_and_outputs_are_hidden(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    with traced(
        monkeypatch, collector.url, LANGSMITH_HIDE_INPUTS="true", LANGSMITH_HIDE_OUTPUTS="true"
    ) as client:
        state = await draw(chat, client)
    assert state.results["1"].output
    for told in (
        "grey cat",
        "house",
        store().put_bytes(CAT, "cat.png").sha256,
        state.results["1"].output.text,
    ):
        assert told.encode() not in collector.received, told
    assert not collector.attachments
    assert meta_of(collector.named("execute text-to-image 0")[0])["model"] == "good"


async def test_keys_and_passwords_never_leave(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    password, quoted = "pa-s_s", 'a"quoted\\key'
    keys = {
        "OPENAI_API_KEY": "sk-openai-secret",
        "HUGGINGGPT_API_KEY": "server-secret",
        "AZURE_OPENAI_API_KEY": "azure-secret",
        "OTHER_SECRET": quoted,
        "HUGGINGGPT_DATABASE_URL": "postgres://me:database%21password@127.0.0.1/db",
        "ODD_ADDRESS": "http://[x@",
    }
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    keys["HUGGINGGPT_BASE_URL"] = chat.url.replace("//", f"//user:{password}@")
    with traced(monkeypatch, collector.url, **keys) as client:
        # As a library may repeat them in what it reports.
        leak = " ".join((*keys.values(), TOKEN, "lsv2_a_secret_key", "A:pa-s_s@B", "database!password"))
        chat.script = scripted([{"task": "text-to-image", "args": {"text": leak}}], lambda body: leak)
        state = await draw(chat, client, model="openai:scripted", k=1, max_attempts=1)
    assert "server-secret" in chat.keys[0] or "Basic" in chat.keys[0], "the server got its key"
    assert state.results["0"].error
    assert collector.named("execute text-to-image 0")
    for secret in (
        *(value for value in keys.values() if "://" not in value),
        TOKEN,
        "database%21password",
        "database!password",
        "lsv2_a_secret_key",
        f":{password}@",
    ):
        assert secret.encode() not in collector.received, secret
        assert json.dumps(secret)[1:-1].encode() not in collector.received, secret
    assert b"postgres://me" in collector.received


async def test_a_langsmith_that_fails_is_told_of_once_and_sent_no_media(
    chat_server: Start,
    collector: TraceServer,
    experts: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chat = chat_server(scripted(TASKS, lambda body: "never asked"))
    caplog.set_level(logging.WARNING)
    collector.status = 500
    with traced(monkeypatch, collector.url) as client:
        for _ in range(2):
            collector.received.clear()
            await draw(chat, None)
            await asyncio.to_thread(client.flush)
        assert b"execute text-to-image 0" in collector.received
        assert CAT not in collector.received
        assert not delivers()
        told = [record for record in caplog.records if record.name.startswith(("langsmith", "tools.trace"))]
        assert [record.getMessage() for record in told] == [
            f"Traces could not be sent to LangSmith at 127.0.0.1: {BROKEN}."
        ]
        collector.status = 200
        for _ in range(2):
            await draw(chat, None)
            await asyncio.to_thread(client.flush)
        assert delivers()
    assert collector.attachments


def test_nobody_waits_for_a_langsmith_that_is_silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its address takes connections and says nothing: what would hold the end of the program longest."""
    code = (
        "import asyncio, langsmith\n"
        "from graph.agent import build\n"
        "for number in range(60):\n"
        "    langsmith.trace('run', inputs={'text': 'x' * 1000}).__enter__()\n"
        "print('done', flush=True)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name, value in {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": address,
            "LANGSMITH_API_KEY": "k",
        }.items():
            monkeypatch.setenv(name, value)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout) == (0, "done\n")
    (line,) = done.stderr.splitlines()
    assert "Traces could not be sent to LangSmith at 127.0.0.1: it did not answer in time" in line


def test_the_end_of_the_program_waits_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, collector: TraceServer
) -> None:
    code = (
        "import langsmith\n"
        "from graph.agent import build\n"
        "langsmith.trace('last', inputs={'text': 'x'}).__enter__()\n"
    )
    for name, value in {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": collector.url,
        "LANGSMITH_API_KEY": "k",
        "HUGGINGGPT_TRACE_SECONDS": "30",
    }.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)
    assert [run["name"] for run in collector.runs.values()] == ["last"]


async def test_without_tracing_there_is_no_client(
    chat_server: Start, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_trees, "_CLIENT", None)
    chat = chat_server(scripted([echo("one")], lambda body: "ok"))
    state = State(**await build().ainvoke(Request(messages=[message("Do it.")]), context=context(chat)))
    assert state.results["0"].status == "ok"
    assert run_trees._CLIENT is None
    assert tracing.current() is None


async def test_a_client_of_the_users_own_stays_and_says_what_is_left_out(
    chat_server: Start, collector: TraceServer, experts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_trees, "_CLIENT", None)
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
    own = langsmith.Client(api_url=collector.url, api_key="k", hide_outputs=True)
    langsmith.configure(client=own)
    await draw(chat_server(scripted(TASKS, lambda body: "never asked")), None)
    assert run_trees._CLIENT is own
    await asyncio.to_thread(own.flush)
    own.cleanup(timeout=0)
    assert "zstd" in collector.encodings
    assert collector.named("execute text-to-image 0")
    assert {name for files in collector.attachments.values() for name in files} == {"image"}
    monkeypatch.delenv("LANGSMITH_TRACING")
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


async def test_facts_reach_a_run_from_where_providers_are_asked() -> None:
    parent = langsmith.RunTree(name="tool", extra={"metadata": {"task": "x"}})
    before = parent.extra["metadata"]

    async def ask() -> None:
        tracing.note(provider="nscale", device=None)

    with langsmith.tracing_context(parent=parent, enabled="local"):
        await apart(ask, 20)
    assert parent.metadata == {"task": "x", "provider": "nscale"}
    assert before == {"task": "x"}, "LangChain lets runs share it"


def meta_of(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = run["extra"]["metadata"]
    return found


def meta(run: dict[str, Any]) -> Any:
    return meta_of(run).items()


def test_links_are_sent_without_their_signatures() -> None:
    request = requests.Request("POST", "http://x", data=f"![cat](/a.png?signature={'0a' * 32})").prepare()
    assert without_secrets(request).body == f"![cat](/a.png?signature={'*' * 64})".encode()
