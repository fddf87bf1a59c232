"""The graph on LangGraph Server, over a port, by LangGraph's own SDK."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chat_server import ChatServer, Reply, Script, said
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError
from langgraph_server import ROOT, LangGraphServer, served
from PIL import Image
from scripted import echo, scripted

from graph.files import files_of, message
from graph.state import State
from tools.artifacts import ArtifactStore

Start = Callable[[Script], ChatServer]
GRAPH = "hugginggpt"
SECRET = "hunter2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LangGraphServer]:
    with served(tmp_path_factory.mktemp("server"), OPENAI_API_KEY=SECRET) as running:
        yield running
    assert "BlockingError" not in running.log


@pytest.fixture
def client(server: LangGraphServer) -> LangGraphClient:
    return server.client()


def ask(request: str = "Do it.") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": request}]}


def asking(chat: ChatServer, **fields: Any) -> dict[str, Any]:
    """Return the context of a run with a scripted chat model."""
    return {"model": chat.url, "k": 1, "max_attempts": 1, **fields}


def outcomes(values: Any) -> dict[str, str]:
    """Return the text of each result of a state as the server gives it."""
    results = State.model_validate(values).results
    return {id_: result.output.text if result.output else result.status for id_, result in results.items()}


async def new_thread(client: LangGraphClient) -> str:
    return str((await client.threads.create())["thread_id"])


async def test_a_run_streams_tokens_tasks_updates_and_values(
    client: LangGraphClient, chat_server: Start
) -> None:
    chat = chat_server(scripted([echo("first"), echo("second", 0)], lambda body: "ok"))
    modes: Any = ["messages-tuple", "custom", "updates", "values"]
    parts = [
        part
        async for part in client.runs.stream(
            await new_thread(client), GRAPH, input=ask(), context=asking(chat), stream_mode=modes
        )
    ]
    told: dict[str, list[Any]] = {}
    for part in parts:
        told.setdefault(part.event, []).append(part.data)
    assert set(told) == {"metadata", "messages", "custom", "updates", "values"}
    tokens = "".join(
        chunk["content"] for chunk, meta in told["messages"] if meta["langgraph_node"] == "respond"
    )
    assert tokens.split() == ["Done."]
    events = [event for event in told["custom"] if event["type"] == "task"]
    assert [event["status"] for event in events if event["id"] == "1"] == ["queued", "running", "done"]
    assert {"type": "task", "id": "0", "name": "question-answering", "status": "queued"} in events
    stages = [stage for update in told["updates"] for stage in update]
    assert stages == ["plan", "select", "execute", "execute", "respond"]
    assert outcomes(told["values"][-1]) == {"0": "ok", "1": "ok"}


def test_it_documents_its_routes(server: LangGraphServer) -> None:
    told = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    assert {"/artifacts/{file}", "/runs/wait"} <= {path.replace("/{name}", "") for path in told["paths"]}
    assert httpx.get(f"{server.url}/docs", trust_env=False).is_success


async def test_a_run_takes_files_of_the_store_and_makes_some(
    server: LangGraphServer, client: LangGraphClient, chat_server: Start
) -> None:
    store = ArtifactStore(str(server.folder / "data" / "artifacts"))
    drawing = Image.new("RGB", (64, 64), "white")
    drawing.paste("black", (16, 16, 48, 48))
    drawing.save(server.folder / "square.png")
    file = store.put(server.folder / "square.png")
    chat = chat_server(scripted([{"task": "canny-control", "args": {"image": "square.png"}}], said))
    given: Any = message("Find its edges.", [file]).model_dump(include={"type", "content"})
    values = await client.runs.wait(None, GRAPH, input={"messages": [given]}, context=asking(chat))
    answer = State.model_validate(values).messages[-1]
    (made,) = files_of([answer])
    with Image.open(store.path(made.ref)) as edges:
        assert edges.convert("L").getextrema() == (0, 255)


async def test_runs_in_the_background_go_on_side_by_side_and_stay_apart(
    client: LangGraphClient, chat_server: Start
) -> None:
    together = threading.Barrier(2, timeout=20)

    def script(body: dict[str, Any]) -> str:
        word = "marble" if "marble" in said(body) else "granite"
        if "response_format" in body:
            return json.dumps({"tasks": [{"id": 0, **echo(word)}]})
        if "Results:" not in said(body):
            together.wait()
        return f"{word}!"

    chat, threads = chat_server(script), [await new_thread(client) for _ in range(2)]
    runs = [
        await client.runs.create(thread, GRAPH, input=ask(word), context=asking(chat))
        for thread, word in zip(threads, ("marble", "granite"), strict=True)
    ]
    values = [
        await client.runs.join(thread, run["run_id"]) for thread, run in zip(threads, runs, strict=True)
    ]
    assert [outcomes(value) for value in values] == [{"0": "marble!"}, {"0": "granite!"}]
    assert [value["messages"][-1]["content"][0]["text"] for value in values] == ["marble!", "granite!"]


class Held:
    """Answers the tasks of runs, the first of them when it is told to."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def __call__(self, body: dict[str, Any]) -> Reply | str:
        if not self.reached.is_set():
            self.reached.set()
            self.released.wait(30)
        return "ok"

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 20)


@pytest.mark.parametrize(
    ("strategy", "ends"),
    [
        ("reject", ["success"]),
        ("enqueue", ["success", "success"]),
        ("interrupt", ["interrupted", "success"]),
        ("rollback", ["success"]),
    ],
)
async def test_a_second_run_on_a_thread_follows_its_strategy(
    client: LangGraphClient, chat_server: Start, strategy: Any, ends: list[str]
) -> None:
    held = Held()
    chat, thread = chat_server(scripted([echo("one")], held)), await new_thread(client)
    given: dict[str, Any] = {"input": ask(), "context": asking(chat)}
    first = await client.runs.create(thread, GRAPH, **given)
    await held.wait()
    again = client.runs.create(thread, GRAPH, multitask_strategy=strategy, **given)
    if strategy == "reject":
        with pytest.raises(ConflictError):
            await again
        held.released.set()
        await client.runs.join(thread, first["run_id"])
    else:
        second = await again
        if strategy == "enqueue":
            held.released.set()
        values = await client.runs.join(thread, second["run_id"])
        held.released.set()
        assert outcomes(values) == {"0": "ok"}
        assert len(values["messages"]) == (
            2 if strategy == "rollback" else 3 if strategy == "interrupt" else 4
        )
    assert sorted(run["status"] for run in await client.runs.list(thread)) == sorted(ends)


@pytest.mark.parametrize(
    ("given", "context", "told"),
    [
        ({"messages": []}, {}, "The request is empty: say what you want to have done."),
        (ask(), {"model": "nonsense"}, "There is no chat model 'nonsense'; use"),
        (ask(), {"model": f"http://me:{SECRET}@127.0.0.1:9/v1"}, "must hold no user name or password"),
        (ask(), {"model": "huggingface:some/model"}, "HF_TOKEN"),
        (
            ask(),
            {"k": 0},
            "The setting k (HUGGINGGPT_K) is not valid: Input should be greater than or equal to 1.",
        ),
        (
            ask(),
            {"planner": SECRET},
            "The setting planner (HUGGINGGPT_PLANNER) is not valid: Input should be 'auto'",
        ),
    ],
)
async def test_what_is_wrong_with_a_run_is_told_in_a_sentence(
    client: LangGraphClient, given: dict[str, Any], context: dict[str, Any], told: str
) -> None:
    context = {"planner": "llm", **context}
    stream = client.runs.stream(None, GRAPH, input=given, context=context, stream_mode="values")
    (error,) = [part.data for part in [part async for part in stream] if part.event == "error"]
    assert told in error["message"]
    assert "\n" not in error["message"]
    assert not [word for word in ("Traceback", ".py", SECRET) if word in error["message"]]


def test_the_example_of_the_documentation_works(
    server: LangGraphServer, chat_server: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = chat_server(scripted([echo("one")], lambda body: "Le chat dort."))
    page = (ROOT / "docs" / "server.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    for told, ours in (("http://127.0.0.1:2024", server.url), ('"embedded"', f'"{chat.url}"')):
        assert told in code
        code = code.replace(told, ours)
    exec(compile(code, "docs/server.md", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out.split() == [
        "0",
        "queued",
        "0",
        "running",
        "0",
        "done",
        "Done.",
        "Le",
        "chat",
        "dort.",
    ]
