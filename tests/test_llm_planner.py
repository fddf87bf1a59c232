"""The planner that asks a chat model: what it is offered, what it may answer, and what is told meanwhile."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer, Script, said
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from numpy.typing import NDArray

from graph.agent import build
from graph.context import Context
from graph.events import PlanEvent
from graph.files import message
from graph.planners import llm, retrieval_examples
from graph.planners.llm_offer import SHOWN
from graph.planners.llm_progress import telling
from graph.planners.llm_schema import MAX_TASKS, schema
from graph.planners.wire import PlanError, read
from graph.state import Request
from graph.types import Plan
from prompts import DEMONSTRATIONS
from tools.chat import chat_model
from tools.errors import SetupError
from tools.outputs import Artifact
from tools.tasks import TASKS

Start = Callable[[Script], ChatServer]
SUFFIXES = {"image": ".png", "audio": ".wav", "video": ".mp4", "table": ".csv"}
REQUEST = "Transcribe the recording and summarise the text"
TASK = {"task": "summarization", "id": 0, "args": {"text": "words"}}
PLAN = json.dumps({"tasks": [TASK]})


def file(name: str, media: Any) -> Artifact:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Artifact(sha256=sha256, media=media, mime="x/y", suffix=SUFFIXES[media], name=name)


TALK = file("talk.wav", "audio")


async def words(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed a text as the words it has: a bag of words stands in for the embedding model's weights."""
    vectors = np.zeros((len(texts), 4096), np.float32)
    for line, text in zip(vectors, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()):
            line[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 4096] += 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = vectors / np.maximum(lengths, 1e-9)
    return result


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    retrieval_examples._kept.clear()
    yield
    retrieval_examples._kept.clear()


async def ask(server: ChatServer, request: str, *files: Artifact, embed: Any = words) -> Plan:
    return await llm.plan(await chat_model(server.url), [message(request)], files, TASKS, embed=embed)


def listed(body: dict[str, Any]) -> set[str]:
    """Return the task types that a prompt lists."""
    return set(re.findall(r"^- ([\w-]+)\(", said(body), re.MULTILINE))


def test_demonstrations_are_valid_plans_of_many_types() -> None:
    types: set[str] = set()
    for one in DEMONSTRATIONS:
        plan = read(one["tasks"], [file(name, media) for name, media in one["files"].items()])
        types |= {task.name for task in plan.tasks}
        assert all(name in one["request"] for name in one["files"])
    assert len(types) >= 10
    assert any(not one["tasks"] for one in DEMONSTRATIONS)


async def test_a_prompt_lists_what_is_relevant_and_the_schema_nothing_else(chat_server: Start) -> None:
    server = chat_server(lambda body: PLAN)
    await ask(server, REQUEST, TALK)
    body = server.requests[0]
    assert {"automatic-speech-recognition", "summarization"} <= listed(body)
    assert len(listed(body)) < len(TASKS) / 2
    assert said(body).count("\nRequest: ") == SHOWN
    offered = body["response_format"]["json_schema"]["schema"]["properties"]["tasks"]["items"]["anyOf"]
    assert {one["properties"]["task"]["enum"][0] for one in offered} == listed(body)


async def test_types_for_the_files_are_listed_whatever_the_words(chat_server: Start) -> None:
    server = chat_server(lambda body: PLAN)
    await ask(server, "Summarise", file("a.mp4", "video"))
    assert "video-classification" in listed(server.requests[0])


@pytest.mark.parametrize("request_", ["qwertz", " "])
async def test_a_request_like_nothing_gets_all_types(chat_server: Start, request_: str) -> None:
    server = chat_server(lambda body: PLAN)
    await ask(server, request_, TALK)
    assert listed(server.requests[0]) == set(TASKS)


async def test_without_an_embedding_model_all_types_are_listed(chat_server: Start) -> None:
    async def broken(texts: Sequence[str]) -> NDArray[np.float32]:
        raise SetupError("There is none.")

    server = chat_server(lambda body: PLAN)
    await ask(server, REQUEST, TALK, embed=None)
    await ask(server, REQUEST, TALK, embed=broken)
    assert [listed(body) for body in server.requests] == [set(TASKS)] * 2


async def test_when_a_type_was_missing_all_are_listed(chat_server: Start) -> None:
    replies = iter([json.dumps({"tasks": [{**TASK, "task": "make-coffee"}]}), PLAN])
    server = chat_server(lambda body: next(replies))
    plan = await ask(server, REQUEST, TALK)
    assert [task.name for task in plan.tasks] == ["summarization"]
    first, second = server.requests
    assert listed(first) < listed(second) == set(TASKS)
    assert "there is no task type 'make-coffee'" in said(second)


async def test_any_other_mistake_is_mended_with_the_same_types(chat_server: Start) -> None:
    replies = iter(
        [json.dumps({"tasks": [{**TASK, "args": {"text": "say <resource>-1"}}, {**TASK, "id": 1}]}), PLAN]
    )
    server = chat_server(lambda body: next(replies))
    await ask(server, REQUEST, TALK)
    assert listed(server.requests[0]) == listed(server.requests[1])
    assert "within other text" in said(server.requests[1])


async def test_an_empty_plan_is_believed_once_all_types_were_seen(chat_server: Start) -> None:
    server = chat_server(lambda body: '{"tasks": []}')
    assert await ask(server, REQUEST, TALK) == Plan()
    assert [len(listed(body)) == len(TASKS) for body in server.requests] == [False, True]
    assert await ask(server, "Hello!") == Plan()
    assert len(server.requests) == 3


async def test_too_many_tasks_are_an_error_for_the_model(chat_server: Start) -> None:
    many = json.dumps({"tasks": [{**TASK, "id": number} for number in range(MAX_TASKS + 1)]})
    server = chat_server(lambda body: many)
    with pytest.raises(PlanError, match="31 tasks; use at most 30"):
        await ask(server, REQUEST, TALK)
    assert len(server.requests) == 3


def test_a_slot_for_media_takes_files_of_its_medium_and_references() -> None:
    rows = [TASKS["image-to-text"], TASKS["visual-question-answering"]]
    made = schema(rows, [TALK, file("a.png", "image"), file("b.png", "image")])
    captions, questions = made["properties"]["tasks"]["items"]["anyOf"]
    image = captions["properties"]["args"]["properties"]["image"]
    assert image["anyOf"][0]["enum"] == ["a.png", "b.png"]
    assert re.fullmatch(image["anyOf"][1]["pattern"], "<resource>-0")
    assert questions["properties"]["args"]["required"] == ["image", "question"]
    assert "enum" not in json.dumps(
        schema(rows, [TALK])["properties"]["tasks"]["items"]["anyOf"][0]["properties"]["args"]
    )


WRITTEN = (
    'The plan: {"tasks": [{"task": "automatic-speech-recognition", "id": 0, "args": {"audio": "talk.wav"}}, '
    '{"task": "summarization", "id": 1, "args": {"text": "<resource>-0"}}]}'
)


async def test_a_task_is_told_while_the_next_is_being_written() -> None:
    told: list[PlanEvent] = []
    chat = telling(GenericFakeChatModel(messages=iter([AIMessage(WRITTEN)])), told.append)
    counts = [len(told) async for _ in chat.astream([HumanMessage(REQUEST)])]
    assert 1 in counts[:-1]
    assert [(one["number"], one["id"], one["name"], one["sources"]) for one in told] == [
        (0, "0", "automatic-speech-recognition", []),
        (1, "1", "summarization", ["0"]),
    ]


async def test_a_reply_that_comes_whole_and_one_without_a_plan_are_told_too() -> None:
    told: list[PlanEvent] = []
    replies = [AIMessage(WRITTEN), AIMessage("no { plan [at all"), AIMessage("[" * 100_000)]
    chat = telling(GenericFakeChatModel(messages=iter(replies)), told.append)
    for _ in replies:
        await chat.ainvoke([HumanMessage(REQUEST)])
    assert [one["number"] for one in told] == [0, 1]


async def test_a_run_reports_the_plan_as_it_grows(chat_server: Start) -> None:
    plan = json.dumps({"tasks": [TASK, {**TASK, "id": 1, "args": {"text": "<resource>-0"}}]})
    server = chat_server(
        lambda body: plan if "plan" in json.dumps(body.get("response_format", "")) else "short"
    )
    stream: Any = build().astream(
        Request(messages=[message(REQUEST)]),
        context=Context(model=server.url, k=1),
        stream_mode=["custom", "updates", "messages"],
    )
    seen: list[tuple[str, str]] = [
        ("told", part["name"]) if mode == "custom" else ("done", next(iter(part)))
        async for mode, part in stream
        if mode == "updates" or (mode == "custom" and part["type"] == "plan")
    ]
    assert seen[:3] == [("told", "summarization"), ("told", "summarization"), ("done", "plan")]
