"""Plans as models really write them: what can mean one thing only is read, the rest is one sentence to mend it by."""

import json
from typing import Any

import pytest

from graph.planners.wire import PlanError, UnknownTaskError, read
from graph.types import Plan, Task
from tools.outputs import Artifact

PHOTO = Artifact(sha256="a" * 64, media="image", mime="image/png", suffix=".png", name="photo.png")
TALK = Artifact(sha256="b" * 64, media="audio", mime="audio/wav", suffix=".wav", name="talk.wav")
FILES = (PHOTO, TALK)
ASR: dict[str, Any] = {"task": "automatic-speech-recognition", "id": 0, "args": {"audio": "talk.wav"}}
DRAWN: dict[str, Any] = {"task": "text-to-image", "id": 0, "args": {"text": "a cat"}}


def summary(text: Any, **more: Any) -> dict[str, Any]:
    return {"task": "summarization", "id": 1, "args": {"text": text}, **more}


def sources(plan: Plan) -> list[tuple[str, ...]]:
    return [task.dep for task in plan.tasks]


@pytest.mark.parametrize(
    "text",
    [
        'Sure! Here is the plan:\n```json\n{"tasks": [%s, %s]}\n```\nIt has two tasks.',
        "As in [1], I would do this: [%s, %s] and that is all.",
        "[%s, %s",
        "[%s, %s,]",
    ],
)
def test_json_in_prose_in_fences_and_cut_off(text: str) -> None:
    plan = read(text % (json.dumps(ASR), json.dumps(summary("<resource>-0"))), FILES)
    assert sources(plan) == [(), ("0",)]


def test_single_quotes_and_python_words() -> None:
    plan = read(
        f"[{ASR}, {{'task': 'summarization', 'id': 1, 'dep': None, 'args': {{'text': '<resource>-0'}},}},]",
        FILES,
    )
    assert sources(plan) == [(), ("0",)]


def test_a_single_task_and_a_list_under_another_key_are_plans() -> None:
    assert [task.name for task in read({"plan": [DRAWN]}).tasks] == ["text-to-image"]
    assert [task.name for task in read(DRAWN).tasks] == ["text-to-image"]
    assert read([]) == read({"tasks": []}) == Plan()


@pytest.mark.parametrize(
    "reference",
    [
        "<GENERATED>-0",
        "<resource>-0",
        "<Resource-0>",
        " '<resource>-0' ",
        "<resource>-0.text",
        '<resource>-0["text"]',
        "{<resource>-0}",
        ["<resource>-0"],
        [["<resource>-0"]],
        "<resource>",
        "<GENERATED>-",
        "<resou",
    ],
)
def test_spellings_of_a_reference(reference: Any) -> None:
    assert sources(read([ASR, summary(reference, dep=[0])], FILES)) == [(), ("0",)]


@pytest.mark.parametrize(
    "value", ["<resource>-0.png", "the image <resource>-0", "0", 0, "<GENERATED>-0/cat.jpg"]
)
def test_a_media_slot_needs_only_the_id(value: Any) -> None:
    plan = read([DRAWN, {"task": "image-to-text", "id": 1, "args": {"image": value}}])
    assert sources(plan) == [(), ("0",)]


@pytest.mark.parametrize("value", ["photo.png", "PHOTO.PNG", "/home/me/photo.png", "'photo.png'", PHOTO.ref])
def test_spellings_of_a_file(value: str) -> None:
    plan = read([{"task": "image-to-text", "id": 0, "args": {"image": value}}], FILES)
    assert plan.tasks[0].inputs[0].value == PHOTO.ref


def test_a_text_that_ends_with_a_file_stays_text() -> None:
    assert (
        read([summary("Look at /tmp/photo.png")], FILES).tasks[0].inputs[0].value == "Look at /tmp/photo.png"
    )


@pytest.mark.parametrize(
    ("ids", "good"),
    [
        ((None, None), ["0", "1"]),
        ((5, 5), ["5", "1"]),
        ((1, None), ["1", "2"]),
        ((True, 2.0), ["true", "2"]),
        (("a b", -1), ["0", "1"]),
        (([3], {}), ["0", "1"]),
        ((10**5000, "x" * 99), ["0", "1"]),
        (("first", "second-1"), ["first", "second-1"]),
    ],
)
def test_ids_that_are_missing_doubled_or_odd(ids: tuple[Any, Any], good: list[str]) -> None:
    plan = read([{**DRAWN, "id": ids[0]}, {**DRAWN, "id": ids[1]}])
    assert [task.id for task in plan.tasks] == good


def test_references_follow_an_id_that_was_mended() -> None:
    plan = read([{**ASR, "id": "step 1"}, summary("<resource>-step 1", id="step 2")], FILES)
    assert sources(plan) == [(), ("0",)]


def test_a_reference_to_one_of_two_tasks_of_the_same_id_is_an_error() -> None:
    with pytest.raises(PlanError, match="2 tasks have the id '0'"):
        read([DRAWN, ASR, summary("<resource>-0")], FILES)


def test_forward_references_are_read_and_circles_are_errors() -> None:
    assert sources(read([summary("<resource>-0"), ASR], FILES)) == [("0",), ()]
    with pytest.raises(PlanError, match="circle"):
        read([summary("<resource>-2"), summary("<resource>-1", id=2)])
    with pytest.raises(PlanError, match="not in the plan"):
        read([summary("<resource>-7")])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("Image To Text", "image-to-text"),
        ("summarisation", "summarization"),
        ("text-sumarization", "summarization"),
        ("automatic-speech-recognition-task", "automatic-speech-recognition"),
        ("object_detections", "object-detection"),
        ("visual-question-answer", "visual-question-answering"),
    ],
)
def test_a_name_that_is_clearly_near_is_read(name: str, row: str) -> None:
    args = {"image": "photo.png", "audio": "talk.wav", "text": "x", "question": "y"}
    slots = {"summarization": ["text"], "automatic-speech-recognition": ["audio"]}.get(row, ["image"])
    slots += ["question"] if "question" in row else []
    assert read([{"task": name, "args": {slot: args[slot] for slot in slots}}], FILES).tasks[0].name == row


@pytest.mark.parametrize(
    "name",
    [
        "audio-to-text",
        "text-to-text",
        "image-to-x",
        "audio-to-video",
        "image-translation",
        "text-to-tetx-image",
        "web-search",
        "",
        None,
        3,
        "x" * 9999,
    ],
)
def test_any_other_name_is_an_error(name: Any) -> None:
    with pytest.raises(UnknownTaskError, match="there is no task type"):
        read([{"task": name, "args": {"text": "x"}}])


def test_dep_fills_what_no_argument_does() -> None:
    assert sources(read([ASR, summary("", dep=[0])], FILES)) == [(), ("0",)]
    assert sources(read([ASR, summary("", dep="0")], FILES)) == [(), ("0",)]
    assert sources(read([ASR, summary("a story", dep=[0])], FILES)) == [(), ()]
    question: dict[str, Any] = {"task": "visual-question-answering", "id": 2, "dep": [[1, 0]], "args": {}}
    plan = read([DRAWN, {**ASR, "id": 1}, question], FILES)
    assert {item.slot: item.source for item in plan.tasks[2].inputs} == {"image": "0", "question": "1"}


def test_dep_that_could_mean_two_things_or_does_not_fit_fills_nothing() -> None:
    with pytest.raises(PlanError, match="needs its slot 'text' filled"):
        read([DRAWN, {**ASR, "id": 1}, summary("", id=2, dep=[0, 1])], FILES)
    with pytest.raises(PlanError, match="needs its slot 'audio' filled"):
        read([DRAWN, {**ASR, "id": 1, "args": {}, "dep": [0]}])


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"text": "Say <resource>-0 aloud"}, "within other text"),
        ({"text": "<resource>-0, <resource>-1"}, "within other text"),
        ({"text": ["<resource>-0", "<resource>-1"]}, "takes one value, not 2"),
        ({"text": "<resource>"}, "without the id"),
        ({"text": {"of": 0}}, "takes a text, not an object"),
        ({"text": "x", "tone": "warm"}, "has no slot 'tone'"),
        ({"text": "artifact://" + "c" * 64 + ".txt"}, "is not one of the text files"),
        ({}, "needs its slot 'text' filled"),
    ],
)
def test_what_cannot_be_read_is_said(args: Any, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        read([ASR, {**DRAWN, "id": 1}, {"task": "summarization", "id": 2, "args": args}], FILES)


def test_a_wrong_medium_is_said_and_nothing_is_put_between() -> None:
    with pytest.raises(
        PlanError, match=r"takes image, but task 0 \(automatic-speech-recognition\) makes text"
    ):
        read([ASR, {"task": "image-to-text", "id": 1, "args": {"image": "<resource>-0"}}], FILES)
    with pytest.raises(PlanError, match=r"'talk\.wav' is not one of the image files"):
        read([{"task": "image-to-text", "id": 1, "args": {"image": "talk.wav"}}], FILES)


def test_several_texts_are_one_list() -> None:
    args: Any = {"text": "a dog", "labels": [["cat", "dog"], 3]}
    plan = read([{"task": "zero-shot-classification", "id": 0, "args": args}])
    assert plan.tasks[0].inputs[1].value == "cat, dog, 3"


def test_finished_tasks_stay_and_can_be_sources() -> None:
    kept = read([ASR], FILES).tasks
    plan = read([ASR, summary("<resource>-0")], FILES, kept)
    assert [(task.id, task.dep) for task in plan.tasks] == [("0", ()), ("1", ("0",))]
    assert plan.tasks[0] is kept[0]


def test_a_new_task_never_takes_the_id_of_a_finished_one() -> None:
    kept: tuple[Task, ...] = read([ASR], FILES).tasks
    assert [task.id for task in read([DRAWN], FILES, kept).tasks] == ["0", "1"]


def test_deep_nesting_is_an_error() -> None:
    with pytest.raises(PlanError, match="nested too deeply"):
        read("[" * 100_000)
    deep: Any = "<resource>-0"
    for _ in range(100_000):
        deep = [deep]
    assert sources(read([ASR, summary(deep)], FILES)) == [(), ("0",)]
