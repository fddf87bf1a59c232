"""What LangGraph Studio does, done to the real server over a port: read the schemas, edit prompts, fork."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chat_server import ChatServer, Script, said
from langgraph_sdk.schema import Checkpoint, Command
from langgraph_server import LangGraphServer, served
from scripted import echo, scripted

from graph.agent import graph
from graph.context import Context

Start = Callable[[Script], ChatServer]
ASK: Any = {"messages": [{"role": "user", "content": "Do it."}]}
TASKS = [echo("alpha"), echo("bravo", 0), echo("charlie")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LangGraphServer]:
    with served(tmp_path_factory.mktemp("server"), HUGGINGGPT_K="1") as running:
        yield running


class Studio:
    """A thread on the server whose run has ended, and the forks of it."""

    def __init__(self, server: LangGraphServer, start: Start) -> None:
        self.client, self.done, self.thread = server.client(), list[str](), ""
        self.chat = start(scripted(TASKS, self._answer))
        self.context: dict[str, Any] = {"model": self.chat.url, "max_attempts": 1}

    def _answer(self, body: dict[str, Any]) -> str:
        self.done.append(said(body).partition("Question: ")[2].partition("\n")[0])
        return f"made of [{said(body).splitlines()[1]}]"

    async def run(self, checkpoint: Checkpoint | None = None, **fields: Any) -> dict[str, Any]:
        """Run a new thread, or go on from a checkpoint of it; return what the run gives."""
        self.thread = self.thread or (await self.client.threads.create())["thread_id"]
        self.done.clear()
        values: Any = await self.client.runs.wait(
            self.thread,
            "hugginggpt",
            input=None if checkpoint else ASK,
            checkpoint=checkpoint,
            context={**self.context, **fields},
            raise_error=False,
        )
        return dict(values)

    async def before(self, node: str) -> Any:
        """Return the first checkpoint before a node, as Studio lists it."""
        history: list[Any] = await self.client.threads.get_history(self.thread, limit=50)
        return next(one for one in reversed(history) if node in one["next"])

    async def edit(self, where: Any, values: Any, as_node: str) -> dict[str, Any]:
        made = await self.client.threads.update_state(
            self.thread, values, as_node=as_node, checkpoint=where["checkpoint"]
        )
        return await self.run(made["checkpoint"])


@pytest.fixture
def studio(server: LangGraphServer, chat_server: Start) -> Studio:
    return Studio(server, chat_server)


async def test_it_reads_the_schemas_and_the_graph(server: LangGraphServer) -> None:
    client = server.client()
    (assistant,) = await client.assistants.search()
    schemas: Any = await client.assistants.get_schemas(assistant["assistant_id"])
    assert assistant["name"] == "hugginggpt"
    assert list(schemas["input_schema"]["properties"]) == ["messages"]
    assert "replans" not in schemas["output_schema"]["properties"]
    fields = schemas["context_schema"]["properties"]
    assert fields.keys() == Context.model_fields.keys()
    assert fields["k"]["default"] == 1, "the server's environment says so"
    assert fields["respond_prompt"]["langgraph_type"] == "prompt"
    drawn: Any = await client.assistants.get_graph(assistant["assistant_id"])
    edges = {(edge["source"], edge["target"], edge.get("conditional", False)) for edge in drawn["edges"]}
    assert edges == {(edge.source, edge.target, edge.conditional) for edge in graph.get_graph().edges}


async def test_a_prompt_that_cannot_be_filled_is_refused(studio: Studio) -> None:
    refused = await studio.run(select_prompt="Choose well.")
    assert refused["__error__"]["message"] == (
        "The setting select_prompt (HUGGINGGPT_SELECT_PROMPT) is not valid: "
        "the prompt lacks the placeholder {shortlists}."
    )
    assert studio.chat.requests == []


async def test_it_edits_a_prompt_and_forks_with_a_plan_and_a_result_edited(studio: Studio) -> None:
    first = await studio.run(respond_prompt="Answer like a pirate.")
    assert "Answer like a pirate." in said(studio.chat.requests[-1])
    assert sorted(studio.done) == ["alpha", "bravo", "charlie"]
    # What the step shows, sent back whole.
    step = await studio.before("plan")
    update = step["tasks"][0]["result"]
    update["plan"]["tasks"][0]["inputs"][0]["value"] = "delta"
    await studio.edit(step, update, "plan")
    assert sorted(studio.done) == ["bravo", "charlie", "delta"]

    values = {"results": {"0": {"output": {"text": "by hand"}}, "2": None}}
    again = await studio.edit(await studio.before("respond"), values, "execute")
    assert sorted(studio.done) == ["bravo", "charlie"]
    assert again["results"]["1"]["output"]["text"] == "made of [by hand]"
    assert again["results"]["2"]["output"] == first["results"]["2"]["output"]

    with pytest.raises(httpx.HTTPStatusError) as told:
        await studio.edit(await studio.before("execute"), {"assignments": {"0": "a model"}}, "select")
    assert told.value.response.status_code == 400
    assert told.value.response.json()["detail"] == (
        "`assignments.0` is not valid: Input should be a valid dictionary or instance of Assignment."
    )
    state: Any = await studio.client.threads.get_state(studio.thread)
    assert state["values"]["results"].keys() == {"0", "1", "2"}


async def test_it_asks_before_tasks_run_and_takes_the_answer(
    server: LangGraphServer, chat_server: Start
) -> None:
    chat = chat_server(scripted([echo("one")], lambda body: "ok"))
    context: dict[str, Any] = {"model": chat.url, "approve": "models"}
    client = server.client()
    thread = (await client.threads.create())["thread_id"]
    parts = [
        part
        async for part in client.runs.stream(
            thread, "hugginggpt", input=ASK, context=context, stream_mode="updates"
        )
    ]
    (interrupt,) = next(part.data["__interrupt__"] for part in parts if "__interrupt__" in part.data)
    assert interrupt["value"]["action_requests"][0]["args"]["models"] == {"0": [chat.url]}
    assert (await client.threads.get(thread))["status"] == "interrupted"

    async def answer(decision: dict[str, Any]) -> Any:
        command = Command(resume={"decisions": [decision]})
        return await client.runs.wait(thread, "hugginggpt", command=command, context=context)

    wrong = {"type": "edit", "edited_action": {"name": "run_plan", "args": {"tasks": "nonsense"}}}
    asked = await answer(wrong)
    assert "This answer cannot be used" in asked["__interrupt__"][0]["value"]["problem"]
    done = await answer({"type": "approve"})
    assert done["results"]["0"]["output"]["text"] == "ok"
    assert len(chat.requests) == 3
