import hashlib

import pytest

from graph.planners.retrieval_clauses import read
from tools.outputs import Artifact, Media

WAV = Artifact(
    sha256=hashlib.sha256(b"wav").hexdigest(), media="audio", mime="audio/wav", suffix=".wav", name="a b.wav"
)


def picture(name: str, media: Media = "image") -> Artifact:
    return Artifact(
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        media=media,
        mime="image/png",
        suffix=".png",
        name=name,
    )


def wanted(request: str, *files: Artifact) -> list[str]:
    return [clause.plain for clause in read(request, files).clauses if clause.plain]


@pytest.mark.parametrize(
    ("request_", "clauses"),
    [
        (
            "Transcribe this recording, find the names, summarise it and read the summary aloud.",
            ["Transcribe this recording", "find the names", "summarise it", "read the summary aloud"],
        ),
        ("I would like you to translate it and then read it aloud", ["translate it", "read it aloud"]),
        ("1) segment the image 2) detect the objects", ["segment the image", "detect the objects"]),
        ("Draw salt and pepper", ["Draw salt and pepper"]),
        (
            "Do the following: transcribe it, summarise it",
            ["Do the following", "transcribe it", "summarise it"],
        ),
        (
            "Show me a video and an image of a cat",
            ["Show me a video of a cat", "Show me an image of a cat"],
        ),
        (
            "Please create a poem, a picture and a video about the moon",
            [
                "create a poem about the moon",
                "create a picture about the moon",
                "create a video about the moon",
            ],
        ),
        (
            "Write a poem and draw a picture about the sea",
            ["Write a poem about the sea", "draw a picture about the sea"],
        ),
        ("Write a poem and draw a picture of it", ["Write a poem", "draw a picture of it"]),
        (
            "Make a picture of a dog and a video of a horse",
            ["Make a picture of a dog", "Make a video of a horse"],
        ),
        ("Make a picture of a man and a photo camera", ["Make a picture of a man and a photo camera"]),
        ("Find the names and list them", ["Find the names"]),
        ('Translate the text. Text: "Good morning"', ["Translate the text"]),
        ("I have a photo. Describe it", ["Describe it"]),
        ("Once the image is made, describe it", ["describe it"]),
        ("Classify it as red, green or blue", ["Classify it as red, green or blue"]),
        ("Please edit the photo based on the summary", ["edit the photo"]),
        ("Summarise the translated text", ["Summarise the text"]),
        ("", []),
    ],
)
def test_a_request_is_cut_into_what_it_asks_for(request_: str, clauses: list[str]) -> None:
    assert wanted(request_) == clauses


def test_words_inside_quotes_are_no_commands() -> None:
    parts = read("Translate 'Sing, dance and don't stop' to French", [])
    assert [clause.plain for clause in parts.clauses] == ["Translate this text to French"]
    assert parts.clauses[0].quotes == ("Sing, dance and don't stop",)


def test_a_full_stop_inside_a_quote_ends_the_sentence() -> None:
    parts = read('I have a text: "Berlin is big." Translate it to French.', [])
    assert wanted('I have a text: "Berlin is big." Translate it to French.') == ["Translate it to French"]
    assert parts.quotes == ("Berlin is big.",)


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        ("Summarise this: One, two. Three and four.", "One, two. Three and four."),
        ("Summarise this:\n\nFirst part.\n\nSecond part.", "First part.\n\nSecond part."),
        ("Do these steps: read the page", None),
        ("Summarise the page", None),
        ("Translate to German: see 'this' there", "see 'this' there"),
    ],
)
def test_the_text_to_work_on_is_told_from_what_to_do(request_: str, payload: str | None) -> None:
    assert read(request_, []).payload == payload


def test_file_names_become_files_and_their_words_no_commands() -> None:
    parts = read("Transcribe 'a b.wav' and describe draw.png", [WAV, picture("draw.png")])
    assert [clause.plain for clause in parts.clauses] == ["Transcribe the audio", "describe the image"]
    assert [clause.files for clause in parts.clauses] == [(WAV,), (picture("draw.png"),)]


def test_of_files_with_one_name_the_newest_is_meant() -> None:
    old, new = picture("x.png", "video"), picture("x.png", "image")
    assert read("Describe x.png", [old, new]).files == (new,)


def test_a_question_that_is_only_told_is_to_be_answered() -> None:
    request = "I have an image and a question: 'What colour is it?'"
    assert wanted(request) == ["answer a question about the image"]


def test_files_that_are_only_pointed_at_belong_to_what_comes_next() -> None:
    photo, page = picture("p.png"), picture("q.png")
    clauses = read("Look at p.png and describe it. Take q.png, cut out the dog", [photo, page]).clauses
    assert [(clause.plain, clause.files) for clause in clauses if clause.plain] == [
        ("describe it", (photo,)),
        ("cut out the dog", (page,)),
    ]


@pytest.mark.parametrize(
    ("request_", "clauses"),
    [
        ("Give me a transcript and a summary", ["a transcript", "a summary"]),
        (
            "I want the noise removed and the speaker identified",
            ["the noise removed", "the speaker identified"],
        ),
        ("Use the mask to cut out the dog", ["cut out the dog"]),
        ("Draw a cat based on the mood of 'a b.wav'", ["based on the mood of the audio", "Draw a cat"]),
        ("After translating it, read it aloud", ["translating it", "read it aloud"]),
        ("My recording is full of hiss. Clean it", ["Clean it"]),
        ("read the summary from before aloud", ["read the summary from before aloud"]),
    ],
)
def test_what_is_wanted_is_told_from_what_it_starts_from(request_: str, clauses: list[str]) -> None:
    assert [text.removeprefix("Give me ") for text in wanted(request_, WAV)] == clauses
