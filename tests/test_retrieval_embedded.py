"""Requests and their plans, word for word, with the real embedding model."""

import asyncio
import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from graph.planners import retrieval
from graph.types import Input
from tools.assets import resolve
from tools.embeddings import embed
from tools.errors import InputError
from tools.outputs import Artifact, Media
from tools.tasks import TASKS

pytestmark = pytest.mark.embedded

MEDIA: dict[str, Media] = {"wav": "audio", "png": "image", "jpg": "image", "csv": "table", "mp4": "video"}


def file(name: str) -> Artifact:
    suffix = name.rpartition(".")[2]
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Artifact(sha256=digest, media=MEDIA[suffix], mime="a/b", suffix=f".{suffix}", name=name)


async def minilm(texts: Sequence[str]) -> NDArray[np.float32]:
    folder = await asyncio.to_thread(resolve, "minilm")
    assert folder is not None
    return await asyncio.to_thread(embed, folder, texts)


async def plan(files: str, request: str) -> list[str]:
    artifacts = [file(name) for name in files.split()]
    refs = {artifact.ref: artifact.name for artifact in artifacts}

    def shown(item: Input) -> str:
        return f"{item.slot}={f'<{item.source}>' if item.source else refs.get(item.value or '', item.value)}"

    made = await retrieval.plan(request, artifacts, TASKS, minilm)
    return [f"{task.name}({', '.join(map(shown, task.inputs))})" for task in made.tasks]


BRIEFING = [
    "automatic-speech-recognition(audio=briefing.wav)",
    "token-classification(text=<0>)",
    "summarization(text=<0>)",
    "text-to-speech(text=<2>)",
]
INVOICE = [
    "image-to-text(image=invoice.png)",
    "document-question-answering(image=invoice.png, question=What is the total due?)",
    "summarization(text=<0>)",
    "translation(text=<2>, target_language=French)",
    "text-to-speech(text=<3>)",
]
PLANS = [
    (
        "briefing.wav",
        "Transcribe this recording, find the named entities, summarise it and read the summary aloud.",
        BRIEFING,
    ),
    ("briefing.wav", "transcribe, find the named entities, summarise, read the summary aloud", BRIEFING),
    (
        "invoice.png",
        "Read this page, tell me the total due, summarise it, translate the summary to French and read the "
        "translation aloud.",
        INVOICE,
    ),
    (
        "invoice.png",
        "read the page, say the total due, translate the summary to French and read it aloud",
        INVOICE,
    ),
    ("a.wav", "Transcribe this recording", ["automatic-speech-recognition(audio=a.wav)"]),
    ("a.wav", "What is being said here?", ["automatic-speech-recognition(audio=a.wav)"]),
    ("a.wav", "Can you make a transcript of this?", ["automatic-speech-recognition(audio=a.wav)"]),
    ("sign.jpg", "What does this sign say?", ["image-to-text(image=sign.jpg)"]),
    ("p.jpg", "What is in this picture?", ["image-to-text(image=p.jpg)"]),
    ("p.jpg", "Find the edges of this picture", ["canny-control(image=p.jpg)"]),
    ("p.jpg", "Find the straight lines in this picture", ["mlsd-control(image=p.jpg)"]),
    (
        "p.jpg",
        "What colour is the car?",
        ["visual-question-answering(image=p.jpg, question=What colour is the car?)"],
    ),
    (
        "receipt.jpg",
        "How much is the VAT?",
        ["document-question-answering(image=receipt.jpg, question=How much is the VAT?)"],
    ),
    (
        "sales.csv",
        "Which product sold best?",
        ["table-question-answering(table=sales.csv, question=Which product sold best?)"],
    ),
    ("photo.jpg", "Cut out the foreground of photo.jpg", ["image-segmentation(image=photo.jpg)"]),
    ("p.jpg", "Remove the background", ["image-segmentation(image=p.jpg)"]),
    (
        "",
        "How similar are 'I like tea' and 'I love tea'?",
        ["sentence-similarity(text=I like tea, other_text=I love tea)"],
    ),
    (
        "",
        "Translate 'Good morning' into German and say it aloud",
        ["translation(text=Good morning, target_language=German)", "text-to-speech(text=<0>)"],
    ),
    (
        "",
        "Is this review positive or negative: The food was cold and the staff rude.",
        ["text-classification(text=The food was cold and the staff rude., labels=positive, negative)"],
    ),
    (
        "",
        "Classify the text as sports, politics or business: The striker scored twice.",
        ["zero-shot-classification(text=The striker scored twice., labels=sports, politics, business)"],
    ),
    ("", "Draw a castle on a hill at sunset", ["text-to-image(text=a castle on a hill at sunset)"]),
    ("", "Draw a dragon, a castle and a knight", ["text-to-image(text=a dragon, a castle and a knight)"]),
    (
        "",
        "Write a poem about the sea and read it aloud",
        ["text-generation(text=Write a poem about the sea)", "text-to-speech(text=<0>)"],
    ),
    ("", "Embed the sentence 'hello world'", ["feature-extraction(text=hello world)"]),
    (
        "",
        "Fill in the blank: Paris is the [MASK] of France.",
        ["fill-mask(text=Paris is the [MASK] of France.)"],
    ),
    (
        "a.wav",
        "Summarise this recording",
        ["automatic-speech-recognition(audio=a.wav)", "summarization(text=<0>)"],
    ),
    (
        "a.wav",
        "Remove the noise from this recording and transcribe it",
        ["audio-to-audio(audio=a.wav)", "automatic-speech-recognition(audio=<0>)"],
    ),
    (
        "a.wav",
        "Transcribe this. Who is the caller?",
        [
            "automatic-speech-recognition(audio=a.wav)",
            "question-answering(question=Who is the caller?, context=<0>)",
        ],
    ),
    (
        "p.jpg",
        "Make the sky purple and animate the result",
        ["image-to-image(image=p.jpg, instruction=Make the sky purple)", "image-to-video(image=<0>)"],
    ),
    (
        "",
        "Create an image of a cat wearing a hat, then describe it and read the description aloud",
        ["text-to-image(text=a cat wearing a hat)", "image-to-text(image=<0>)", "text-to-speech(text=<1>)"],
    ),
    (
        "a.wav b.wav",
        "transcribe a.wav and b.wav",
        ["automatic-speech-recognition(audio=a.wav)", "automatic-speech-recognition(audio=b.wav)"],
    ),
    (
        "a.wav",
        "transcribe it, tell me how similar it and 'I have a dream' are, and draw it",
        [
            "automatic-speech-recognition(audio=a.wav)",
            "sentence-similarity(text=<0>, other_text=I have a dream)",
            "text-to-image(text=<0>)",
        ],
    ),
    (
        "a.wav",
        "Transcribe this recording and write a poem about the summary",
        [
            "automatic-speech-recognition(audio=a.wav)",
            "summarization(text=<0>)",
            "text-generation(text=<1>, instruction=write a poem about the summary)",
        ],
    ),
    (
        "p.jpg",
        "Make an edge map of p.jpg, then paint a forest following these edges",
        ["canny-control(image=p.jpg)", "canny-text-to-image(image=<0>, text=a forest)"],
    ),
    (
        "p.jpg",
        "detect the pose of the person in p.jpg, then draw an astronaut in the same pose",
        ["openpose-control(image=p.jpg)", "openpose-text-to-image(image=<0>, text=an astronaut)"],
    ),
    (
        "p.jpg",
        "Please generate an image where a girl is reading a book, and her pose is the same as the boy in the image "
        "p.jpg, then describe the new image with your voice",
        [
            "openpose-control(image=p.jpg)",
            "openpose-text-to-image(image=<0>, text=a girl is reading a book)",
            "image-to-text(image=<1>)",
            "text-to-speech(text=<2>)",
        ],
    ),
    (
        "p.jpg",
        "first generate a HED image of p.jpg, then based on the hed image and a prompt: a girl is reading a book, "
        "create a new image as response",
        ["hed-control(image=p.jpg)", "hed-text-to-image(image=<0>, text=a girl is reading a book)"],
    ),
    (
        "p.jpg",
        "Make a depth map and an edge map of p.jpg",
        ["depth-estimation(image=p.jpg)", "canny-control(image=p.jpg)"],
    ),
    (
        "a.jpg b.png c.jpg",
        "Give you some pictures a.jpg, b.png, c.jpg, help me count the number of sheep?",
        [f"object-detection(image={name})" for name in ("a.jpg", "b.png", "c.jpg")],
    ),
    (
        "p.jpg",
        "Describe the photo in German, out loud",
        [
            "image-to-text(image=p.jpg)",
            "translation(text=<0>, target_language=German)",
            "text-to-speech(text=<1>)",
        ],
    ),
    (
        "p.jpg",
        "Make a depth map of p.jpg and paint a winter landscape based on that",
        ["depth-estimation(image=p.jpg)", "depth-text-to-image(image=<0>, text=a winter landscape)"],
    ),
    (
        "p.jpg",
        "Segment the image and generate a picture of a garden with the same layout",
        ["image-segmentation(image=p.jpg)", "seg-text-to-image(image=<0>, text=a garden)"],
    ),
    (
        "p.jpg",
        "Compute the normal map of p.jpg, then generate a marble statue that follows the normals",
        ["normal-control(image=p.jpg)", "normal-text-to-image(image=<0>, text=a marble statue)"],
    ),
    (
        "p.jpg",
        "Find the soft edges of p.jpg, then draw a castle from the sketch",
        ["hed-control(image=p.jpg)", "hed-text-to-image(image=<0>, text=a castle)"],
    ),
    (
        "p.jpg",
        "Using the straight lines of p.jpg, make a picture of a modern kitchen",
        ["mlsd-control(image=p.jpg)", "mlsd-text-to-image(image=<0>, text=a modern kitchen)"],
    ),
    (
        "canny.png",
        "Now paint a desert guided by it",
        ["canny-text-to-image(image=canny.png, text=a desert)"],
    ),
    (
        "sketch.png",
        "Turn this sketch into a realistic castle",
        ["hed-text-to-image(image=sketch.png, text=a realistic castle)"],
    ),
    ("p.jpg", "Draw a woman in a yoga pose", ["text-to-image(text=a woman in a yoga pose)"]),
    ("p.jpg", "please generate a canny image based on p.jpg", ["canny-control(image=p.jpg)"]),
    (
        "p.jpg",
        "Swap the blue car for a red one",
        ["image-to-image(image=p.jpg, instruction=Swap the blue car for a red one)"],
    ),
    (
        "p.jpg",
        "Show me a video and an image of a cat",
        ["text-to-video(text=a cat)", "text-to-image(text=a cat)"],
    ),
    ("", "Draw a cat and show me a video of it", ["text-to-image(text=a cat)", "image-to-video(image=<0>)"]),
    (
        "a.jpg b.jpg",
        "draw a dog in the pose of a.jpg and a cat in the pose of b.jpg",
        [
            "openpose-control(image=a.jpg)",
            "openpose-text-to-image(image=<0>, text=a dog)",
            "openpose-control(image=b.jpg)",
            "openpose-text-to-image(image=<2>, text=a cat)",
        ],
    ),
    (
        "a.wav",
        "Give me a transcript and a summary of this recording",
        ["automatic-speech-recognition(audio=a.wav)", "summarization(text=<0>)"],
    ),
    (
        "p.jpg",
        "Classify this image as bird, cat or dog",
        ["zero-shot-image-classification(image=p.jpg, labels=bird, cat, dog)"],
    ),
    (
        "",
        "Tell me a joke and read it aloud",
        ["conversational(text=Tell me a joke)", "text-to-speech(text=<0>)"],
    ),
    ("p.jpg", "Upscale this and remove the noise", ["image-to-image(image=p.jpg)"]),
    (
        "p.jpg",
        "Describe this photo in German",
        ["image-to-text(image=p.jpg)", "translation(text=<0>, target_language=German)"],
    ),
]
TALK = ["Hello, how are you?", "What can you do?", "Tell me a joke", "Who wrote Hamlet?", "Thank you", "help"]


@pytest.mark.parametrize(("files", "request_", "expected"), PLANS, ids=[request for _, request, _ in PLANS])
async def test_a_request_gets_exactly_its_plan(files: str, request_: str, expected: list[str]) -> None:
    assert await plan(files, request_) == expected


@pytest.mark.parametrize("request_", TALK)
async def test_small_talk_gets_no_tasks(request_: str) -> None:
    assert await plan("", request_) == []


async def test_a_missing_recording_is_asked_for() -> None:
    with pytest.raises(
        InputError, match=r"^This needs an audio file; attach one \(--file on the command line\)\.$"
    ):
        await plan("", "Transcribe this recording")


FOUND = [
    name
    for name in TASKS
    if name not in ("conversational", "question-answering") and not name.startswith("zero-shot")
]


@pytest.mark.parametrize("name", FOUND)
async def test_every_task_type_is_found_by_its_first_example(name: str) -> None:
    media = {slot.media for slot in TASKS[name].slots}
    files = [file for file in ("a.wav", "p.jpg", "s.csv", "v.mp4") if MEDIA[file.rpartition(".")[2]] in media]
    request = TASKS[name].examples[0].rstrip("?") + ". The texts are 'some text' and 'other text'."
    assert name in [task.partition("(")[0] for task in await plan(" ".join(files), request)]
