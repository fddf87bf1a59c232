from collections import Counter

import pytest

from tools.tasks import TASKS, find

NAMES = """
text-classification token-classification zero-shot-classification question-answering
table-question-answering summarization translation text-generation conversational fill-mask
sentence-similarity feature-extraction image-classification zero-shot-image-classification
object-detection zero-shot-object-detection image-segmentation mask-generation depth-estimation
image-to-text visual-question-answering document-question-answering image-to-image text-to-image
image-feature-extraction automatic-speech-recognition audio-classification zero-shot-audio-classification
audio-to-audio text-to-speech text-to-audio video-classification text-to-video image-to-video
tabular-classification tabular-regression canny-control hed-control mlsd-control normal-control
openpose-control canny-text-to-image depth-text-to-image hed-text-to-image mlsd-text-to-image
normal-text-to-image openpose-text-to-image seg-text-to-image
"""


def test_every_task_type_has_a_row() -> None:
    assert sorted(TASKS) == sorted(NAMES.split())


def test_no_name_or_alias_means_two_tasks() -> None:
    names = Counter(name for row in TASKS.values() for name in (row.name, *row.aliases))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_rows_share_an_example() -> None:
    phrases = Counter(phrase.lower() for row in TASKS.values() for phrase in row.examples)
    assert [phrase for phrase, count in phrases.items() if count > 1] == []


@pytest.mark.parametrize("name", TASKS)
def test_slots_have_distinct_names_and_the_first_is_required(name: str) -> None:
    slots = TASKS[name].slots
    assert len({slot.name for slot in slots}) == len(slots)
    assert slots[0].required


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("summarization", "summarization"),
        ("NER", "token-classification"),
        ("Image Captioning", "image-to-text"),
        ("text2text-generation", "text-generation"),
        (" automatic_speech_recognition ", "automatic-speech-recognition"),
        ("Text-to-Speech", "text-to-speech"),
    ],
)
def test_a_row_is_found_by_any_of_its_names(name: str, row: str) -> None:
    assert find(name) is TASKS[row]


def test_an_unknown_name_finds_nothing() -> None:
    assert find("time-travel") is None
