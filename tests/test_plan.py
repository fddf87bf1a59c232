"""Planning in a conversation: which files and results a request means, and a chat model that plans badly."""

import json
from collections.abc import Callable

import pytest
from chat_server import ChatServer, Reply, Script, said
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage
from langgraph.runtime import Runtime

from graph import history
from graph.agent import build
from graph.context import Context
from graph.files import block, message
from graph.history import shrink
from graph.meaning import earlier_results, files_meant, understood
from graph.plan import _by_chat_model
from graph.state import Request, State
from graph.types import Plan
from tools.artifacts import store
from tools.outputs import Artifact
from tools.sniff import named

Start = Callable[[Script], ChatServer]


def file(name: str) -> Artifact:
    kind = named(name)
    assert kind
    return Artifact(sha256=f"{abs(hash(name)):064x}"[-64:], name=name, **kind._asdict())


FIRST, SECOND, TALK = file("first.png"), file("second.png"), file("talk.wav")
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
    said, files = understood(conversation)
    assert files_meant(said, files, conversation) == meant


def test_texts_that_tasks_made_are_earlier_results_and_no_files() -> None:
    made = store().put_bytes(b"A short story.", "summarization-2.txt")
    given = store().put_bytes(b"Notes of mine.", "notes.txt")
    answer = AIMessage(content=[{"type": "text", "text": "Done."}, block(made)])
    conversation = [message("Summarise this.", [given]), answer, message("Translate that.")]
    assert [(one.name, one.text) for one in earlier_results(conversation[:-1])] == [
        ("summarization", made.ref)
    ]
    said, files = understood(conversation)
    assert files_meant(said, files, conversation) == [given]


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


def test_a_conversation_may_point_at_its_files_in_words() -> None:
    other = file("invoice_may.png")
    conversation: list[BaseMessage] = [*CONVERSATION, message("And this.", [other])]

    def meant(request: str) -> tuple[str, list[str]]:
        said, files = understood([*conversation, message(request)])
        return said, [one.name for one in files_meant(said, files, [*conversation, message(request)])]

    assert meant("Cut out the first picture") == ("Cut out first.png", ["first.png"])
    assert meant("Cut out the second picture") == ("Cut out cut.png", ["cut.png"])
    assert meant("Describe my last photo") == ("Describe invoice_may.png", ["invoice_may.png"])
    assert meant("Describe image 2") == ("Describe cut.png", ["cut.png"])
    assert meant("Describe the 9th image") == ("Describe the 9th image", ["invoice_may.png", "talk.wav"])
    assert meant("Compare both pictures")[0] == "Compare cut.png and invoice_may.png"
    assert meant("Transcribe the first recording") == ("Transcribe talk.wav", ["talk.wav"])
    assert meant("Edit the original picture")[0] == "Edit invoice_may.png"


def test_a_file_is_found_by_a_word_of_its_name() -> None:
    conversation = [message("Look.", [file("invoice_may.png"), file("holiday.png")]), message("")]
    for request, name in [
        ("What does the invoice say?", "invoice_may.png"),
        ("What is this?", "holiday.png"),
    ]:
        said, files = understood([*conversation[:1], message(request)])
        assert [one.name for one in files_meant(said, files, [*conversation[:1], message(request)])] == [name]


def test_files_of_one_name_are_told_apart() -> None:
    old = file("photo.png").model_copy(update={"sha256": "0" * 64})
    new = file("photo.png")
    conversation = [message("One.", [old]), message("Two.", [new]), message("Describe the first photo")]
    said, files = understood(conversation)
    assert said == "Describe photo (1).png"
    assert [one.ref for one in files_meant(said, files, conversation)] == [old.ref]


def turns(count: int, length: int) -> list[BaseMessage]:
    conversation: list[BaseMessage] = []
    for number in range(count):
        made = store().put_bytes(f"Summary {number}. ".encode() * length, f"summarization-{number}.txt")
        answer = {"type": "text", "text": f"prose {number} " * length}
        conversation += [message(f"request {number} " * length), AIMessage(content=[answer, block(made)])]
    return conversation


def size(messages: list[AnyMessage]) -> int:
    return sum(len(str(one.text)) for one in messages)


def test_history_is_bounded_and_old_turns_shrink_to_their_resources() -> None:
    request = message("Translate that.")
    few, many = (shrink([*turns(count, 400), request]) for count in (25, 100))
    bound = history.RECENT * history.EACH + history.RESOURCES * (4 * history.HEAD)
    assert size(many) <= bound
    assert abs(size(many) - size(few)) < 200
    assert "summarization-90.txt (text): Summary 90." in str(many[0].text)
    assert "request 90" not in str([one.text for one in many])
    assert "prose 99" in str(many[-2].text)
    assert many[-1].text == "Translate that."


def test_a_short_conversation_is_read_as_it_is_and_a_long_request_is_never_cut() -> None:
    long = "word " * 3_000
    assert [one.text for one in shrink([message("Hi."), AIMessage("Hello."), message(long)])] == [
        "Hi.",
        "Hello.",
        long.strip(),
    ]


def test_a_text_that_is_gone_is_listed_all_the_same() -> None:
    conversation = [message("Look.", [file("notes.txt")]), *turns(2, 1), message("So?")]
    assert "- notes.txt (text): (no longer there)" in str(shrink(conversation)[0].text)


async def test_the_chat_model_reads_a_bounded_history_in_which_files_are_named(chat_server: Start) -> None:
    server = chat_server(lambda body: '{"tasks": []}' if "response_format" in body else "Hello.")
    conversation = [
        *turns(30, 200),
        message("Look.", [FIRST, SECOND]),
        AIMessage("Seen."),
        message("The first picture?"),
    ]
    state = State(messages=conversation)
    runtime = Runtime(context=Context(model=server.url))
    assert await _by_chat_model(state, runtime, []) == Plan()
    (asked,) = server.requests
    assert len(json.dumps(asked["messages"])) < 40_000
    assert "first.png?" in json.dumps(asked["messages"][-1])
