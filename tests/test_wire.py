import json

import pytest

from graph.planners.wire import PlanError, read, write
from tools.outputs import Artifact

PHOTO = Artifact(sha256="a" * 64, media="image", mime="image/png", suffix=".png", name="photo.png")
TALK = Artifact(sha256="b" * 64, media="audio", mime="audio/wav", suffix=".wav", name="talk.wav")

PAPER = """[{"task": "automatic-speech-recognition", "id": 0, "dep": [-1], "args": {"audio": "talk.wav"}},
            {"task": "translation", "id": 1, "dep": [0],
             "args": {"text": "<GENERATED>-0", "target_language": "German"}},
            {"task": "text-to-speech", "id": 2, "dep": [1], "args": {"text": "<resource>-1"}}]"""


def test_both_spellings_of_a_reference_are_read() -> None:
    plan = read(json.loads(PAPER), [TALK])
    assert [task.dep for task in plan.tasks] == [(), ("0",), ("1",)]
    assert plan.tasks[0].inputs[0].value == TALK.ref


def test_what_is_written_reads_back_the_same() -> None:
    plan = read(json.loads(PAPER), [TALK])
    wire = write(plan)
    assert wire[1] == {
        "task": "translation",
        "id": 1,
        "dep": [0],
        "args": {"text": "<resource>-0", "target_language": "German"},
    }
    assert wire[0]["dep"] == [-1]
    assert read(json.loads(json.dumps(wire)), [TALK]) == plan


def test_a_reference_inside_a_text_stays_text() -> None:
    plan = read([{"task": "summarization", "id": 0, "args": {"text": "say <resource>-0 twice"}}])
    assert plan.tasks[0].inputs[0].value == "say <resource>-0 twice"


def test_the_papers_argument_names_find_their_slots() -> None:
    plan = read(
        [
            {
                "task": "visual-question-answering",
                "id": 0,
                "args": {"image": "photo.png", "text": "What is it?"},
            }
        ],
        [PHOTO],
    )
    assert {item.slot: item.value for item in plan.tasks[0].inputs} == {
        "image": PHOTO.ref,
        "question": "What is it?",
    }


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "http://169.254.169.254/", "artifact://" + "c" * 64 + ".png", "talk.wav"]
)
def test_a_media_slot_takes_only_files_that_were_given(path: str) -> None:
    with pytest.raises(PlanError, match="is not one of the image files"):
        read([{"task": "image-to-text", "id": 0, "args": {"image": path}}], [PHOTO, TALK])


@pytest.mark.parametrize(
    "wire", ["x", 3, None, {}, [1], [{"task": "nope"}], [{"task": "summarization", "args": []}]]
)
def test_anything_else_is_one_clear_error(wire: object) -> None:
    with pytest.raises(PlanError):
        read(json.loads(json.dumps(wire)))
