"""Planning in a conversation: which files and results a request means, and a chat model that plans badly."""

import json
from collections.abc import Callable

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_core.messages import AIMessage, BaseMessage

from graph.agent import build
from graph.context import Context
from graph.files import block, message
from graph.plan import earlier_results, files_meant
from graph.state import Request, State
from tools.artifacts import store
from tools.outputs import Artifact

Start = Callable[[Script], ChatServer]


def file(name: str, media: str = "image") -> Artifact:
    sha256 = f"{abs(hash(name)):064x}"[-64:]
    return Artifact.model_validate(
        {"sha256": sha256, "media": media, "mime": "x/y", "suffix": ".x", "name": name}
    )


FIRST, SECOND, TALK = file("first.png"), file("second.png"), file("talk.wav", "audio")
MADE = file("cut.png")
CONVERSATION: list[BaseMessage] = [
    message("Look at these.", [FIRST, TALK]),
    AIMessage(content=[{"type": "text", "text": "Done."}, block(MADE)]),
]


@pytest.mark.parametrize(
    ("request_", "came", "meant"),
    [
        ("What is this?", [SECOND], [SECOND]),
        ("Compare it with first.png", [SECOND], [FIRST, SECOND]),
        ("What does first.png show?", [], [FIRST]),
        ("Transcribe the recording", [], [MADE, TALK]),
    ],
)
def test_the_files_a_request_means(request_: str, came: list[Artifact], meant: list[Artifact]) -> None:
    conversation = [*CONVERSATION, message(request_, came)]
    assert files_meant(request_, conversation) == meant


def test_texts_that_tasks_made_are_earlier_results_and_no_files() -> None:
    made = store().put_bytes(b"A short story.", "summarization-2.txt")
    given = store().put_bytes(b"Notes of mine.", "notes.txt")
    answer = AIMessage(content=[{"type": "text", "text": "Done."}, block(made)])
    conversation = [message("Summarise this.", [given]), answer, message("Translate that.")]
    assert [(one.name, one.text) for one in earlier_results(conversation[:-1])] == [
        ("summarization", "A short story.")
    ]
    assert files_meant("Translate that.", conversation) == [given]


@pytest.mark.embedded
@pytest.mark.parametrize("plan", ["no plan at all", '{"tasks": [{"task": "teleport", "id": 0, "args": {}}]}'])
async def test_a_chat_model_without_a_usable_plan_is_replaced_and_it_is_said(
    chat_server: Start, plan: str
) -> None:
    server = chat_server(lambda body: plan if "response_format" in body else "guten Morgen")
    request = Request(messages=[message("Translate 'good morning' into German.")])
    state = State(**await build().ainvoke(request, context=Context(model=server.url, k=1)))
    assert state.plan
    assert [task.name for task in state.plan.tasks] == ["translation"]
    assert "gave no usable plan" in state.notes[0]
    assert state.notes[0] in str(state.messages[-1].text)
    asked = [body for body in server.requests if "plan" in json.dumps(body.get("response_format", ""))]
    assert len(asked) == 3


@pytest.mark.embedded
async def test_a_planner_that_cannot_be_asked_is_replaced(chat_server: Start) -> None:
    server = chat_server(lambda body: Reply(status=400) if "You plan" in said(body) else "guten Morgen")
    request = Request(messages=[message("Translate 'good morning' into German.")])
    state = State(**await build().ainvoke(request, context=Context(model=server.url, k=1)))
    assert state.results["0"].status == "ok"
    assert "retrieval planner" in state.notes[0]
