"""Corrections of similarities, one by one."""

import hashlib

import pytest

from graph.planners.retrieval_clauses import read
from graph.planners.retrieval_weights import RULES, WEIGHTS, Case
from graph.planners.retrieval_words import wanted_medium
from tools.outputs import Artifact, Media
from tools.tasks import TASKS

PICTURE = Artifact(
    sha256=hashlib.sha256(b"p").hexdigest(), media="image", mime="image/png", suffix=".png", name="p.png"
)


@pytest.mark.parametrize(
    ("rule", "request_", "row", "made", "strength"),
    [
        ("missing", "Transcribe it", "automatic-speech-recognition", (), 1),
        ("at_hand", "Describe it", "image-to-text", (), 1),
        ("at_hand", "Describe it", "image-to-text", ("text",), 0),
        ("latest", "Convert it into text", "automatic-speech-recognition", ("audio",), 1),
        ("latest", "Convert it into text", "image-to-text", ("audio",), 0),
        ("passed_by", "Paint the roof in p.png red", "text-to-image", (), 1),
        ("unread", "Read it", "text-to-speech", (), 1),
        ("unread", "Read it", "text-to-speech", ("text",), 0),
        ("asking", "What is it?", "visual-question-answering", (), 1),
        ("unasked", "Swap the car for a bus", "visual-question-answering", (), 1),
        ("unasked", "Tell me who it is", "visual-question-answering", (), 0),
        ("named", "Run object detection", "object-detection", (), 1),
        ("named", "Translate the result of the object detection", "object-detection", (), 0),
        ("made", "Turn the text into a video", "text-to-video", (), 1),
        ("made", "Turn the text into a video", "text-to-image", (), -1),
        ("anew", "Create a new image", "image-to-image", (), 1),
        ("anew", "Show me a video of a cat", "image-to-video", (), 1),
        ("anew", "Show me a video of it", "image-to-video", (), 0),
        ("passed_by", "Make this photo black and white", "text-to-image", (), 1),
        ("passed_by", "Translate this page", "translation", (), 0),
        ("passed_by", "Write a poem about p.png", "text-generation", (), 0),
        ("made", "Show me a video of a cat", "text-to-video", (), 1),
        ("made", "an image about the sea", "text-to-image", (), 1),
        ("kind", "Write a poem about the summary", "text-generation", (), 1),
        ("kind", "Write a summary of the poem", "text-generation", (), 0),
        ("kind", "Write a summary of the poem", "summarization", (), 1),
        ("kind", "Tell me a story about the picture", "text-generation", (), 1),
        ("kind", "Read the letters", "text-generation", (), 0),
        ("no_language", "Translate it", "translation", (), 1),
    ],
)
def test_a_rule_applies_where_it_should(
    rule: str, request_: str, row: str, made: tuple[Media, ...], strength: float
) -> None:
    (clause,) = read(request_, [PICTURE]).clauses
    case = Case(clause, TASKS[row], TASKS, ("image",), made)
    assert RULES[rule](case) == strength


def test_every_rule_has_a_weight() -> None:
    assert set(RULES) == set(WEIGHTS) - {"clear", "vague"}


@pytest.mark.parametrize(
    ("text", "medium"),
    [
        ("turn the poem into an audio file", "audio"),
        ("convert the speech to text", "text"),
        ("transform it into another style", None),
        ("write down the speech", None),
    ],
)
def test_what_a_thing_becomes_is_wanted(text: str, medium: str | None) -> None:
    assert wanted_medium(text) == medium
