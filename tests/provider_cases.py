"""What the tests of remote experts share: inputs, the replies to every task, and the server they are asked at."""

import base64
import io
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hub_server import Answer, Call, HubServer, Script, connect, serve
from PIL import Image

from tools.experts import provider_pauses
from tools.experts.engine import Job
from tools.experts.provider import run_provider
from tools.outputs import Draft
from tools.tasks import TASKS

ID = "a/model"
TASK = "text-classification"
SCORES = [{"label": "cat", "score": 0.25}, {"label": "dog", "score": 0.75}]


def png(size: tuple[int, int] = (64, 48), colour: Any = "white", mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.new(mode, size, colour).save(data, "PNG")
    return data.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def wav() -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(800))
    return data.getvalue()


WAV = wav()
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)
CSV = b"name,age\nAda,36\nBob,41\n"
VALUES = {"image": png(), "audio": WAV, "table": CSV, "labels": b"cat, dog"}
TEXTS = {
    "labels": "cat, dog",
    "text": "The [MASK] sat.",
    "question": "How old is Bob?",
    "target_language": "French",
    "source_language": "German",
}


def inputs(task: str, folder: Path) -> dict[str, str]:
    """Return a value for every slot that must be filled."""
    return {slot.name: value(slot.name, slot.media, folder) for slot in TASKS[task].slots if slot.required}


def value(name: str, media: str, folder: Path) -> str:
    if media == "text":
        return TEXTS.get(name, "Some text.")
    path = folder / f"in{ {'image': '.png', 'audio': '.wav', 'table': '.csv'}[media] }"
    path.write_bytes(VALUES[media])
    return str(path)


@contextmanager
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Run a Hub with providers; nobody rests, and pauses are short."""
    with serve() as running:
        connect(running, monkeypatch)
        monkeypatch.setattr(provider_pauses, "BACKOFF_SECONDS", 0.001)
        provider_pauses.forget()
        yield running
        provider_pauses.forget()


async def ask(task: str, folder: Path, timeout: float | None = 20, **more: str) -> Draft:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    job = Job(task=task, model=None, inputs={**inputs(task, folder), **more}, out=out)
    return await run_provider(ID, job, timeout)


def chat(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": ID, "id": "1"}


MASK = b64(png(colour=255, mode="L"))
REPLIES: dict[str, tuple[Any, str, Any]] = {
    "text-classification": ([SCORES], "dog 0.75, cat 0.25", [SCORES[1], SCORES[0]]),
    "token-classification": (
        [{"entity_group": "PER", "word": "Ada", "start": 0, "end": 3, "score": 0.9}],
        "Ada (PER)",
        [{"text": "Ada", "label": "PER", "start": 0, "end": 3, "score": 0.9}],
    ),
    "zero-shot-classification": (SCORES, "dog 0.75, cat 0.25", [SCORES[1], SCORES[0]]),
    "question-answering": (
        {"answer": "41", "score": 0.5, "start": 1, "end": 3},
        "41",
        [{"answer": "41", "score": 0.5}],
    ),
    "table-question-answering": (
        {"answer": "41", "cells": ["41"], "coordinates": [[1, 1]], "aggregator": "NONE"},
        "41",
        {"answer": "41", "cells": ["41"]},
    ),
    "summarization": ([{"summary_text": "Short."}], "Short.", None),
    "translation": ([{"translation_text": "Kurz."}], "Kurz.", None),
    "text-generation": ([{"generated_text": "More."}], "More.", None),
    "fill-mask": (
        [{"sequence": "The cat sat.", "score": 0.5, "token": 1, "token_str": " cat"}],
        "The cat sat.",
        [{"word": "cat", "score": 0.5}],
    ),
    "sentence-similarity": (
        [0.5],
        "Similarity 0.50 (1 is the same meaning, 0 is unrelated).",
        {"score": 0.5},
    ),
    "feature-extraction": ([[0.5, 0.25]], "An embedding of 1 x 2 numbers.", [[0.5, 0.25]]),
    "image-classification": (SCORES, "dog 0.75, cat 0.25", [SCORES[1], SCORES[0]]),
    "zero-shot-image-classification": (SCORES, "dog 0.75, cat 0.25", [SCORES[1], SCORES[0]]),
    "object-detection": (
        [{"label": "cat", "score": 0.9, "box": {"xmin": 10, "ymin": 20, "xmax": 50, "ymax": 40}}],
        "cat 0.90",
        [{"label": "cat", "score": 0.9, "box": [10, 20, 50, 40]}],
    ),
    "image-segmentation": (
        [{"label": "sky", "score": None, "mask": MASK}],
        "sky",
        [{"label": "sky", "score": None}],
    ),
    "image-to-text": ([{"generated_text": "A cat."}], "A cat.", None),
    "visual-question-answering": (
        [{"answer": "two", "score": 0.5}],
        "two",
        [{"answer": "two", "score": 0.5}],
    ),
    "document-question-answering": (
        [{"answer": "41", "score": 0.5, "start": 0, "end": 1}],
        "41",
        [{"answer": "41", "score": 0.5}],
    ),
    "image-to-image": (png(), "A picture of 64 x 48 pixels.", None),
    "text-to-image": (png(), "A picture of 64 x 48 pixels.", None),
    "automatic-speech-recognition": ({"text": "Hello."}, "Hello.", None),
    "audio-classification": (SCORES, "dog 0.75, cat 0.25", [SCORES[1], SCORES[0]]),
    "audio-to-audio": (
        [{"label": "voice", "content-type": "audio/wav", "blob": b64(WAV)}],
        "1 recording(s): voice.",
        ["voice"],
    ),
    "text-to-speech": (WAV, "Audio of 1 kB.", None),
    "tabular-classification": (["yes", "no"], "yes\nno", [{"prediction": "yes"}, {"prediction": "no"}]),
    "conversational": (chat("Hello."), "Hello.", None),
}
"""What hf-inference replies for each task, and the text and data that are made of it."""
VIDEOS = ("text-to-video", "image-to-video")
"""Tasks that fal-ai does, by polling."""
REMOTE = (*REPLIES, *VIDEOS)
"""All tasks that the installed client can do with a provider."""


def add(server: HubServer, task: str) -> Script:
    """Let a provider serve the model for a task, and return what answers well."""
    if task in VIDEOS:
        server.add(ID, task, "fal-ai")
        return video
    server.add(ID, task, tag="text-generation" if task == "conversational" else None)
    return lambda call: Answer(REPLIES[task][0])


def video(call: Call) -> Answer | object:
    """Play fal-ai: a queue that is polled, then an address with the file."""
    if call.data:
        return {"request_id": "1", "status": "IN_QUEUE", "response_url": "http://queue/fal-ai/r/1"}
    if call.path.endswith("/status"):
        return {"status": "COMPLETED"}
    if call.path.endswith(".mp4"):
        return Answer(MP4)
    return {"video": {"url": f"http://{call.headers['host']}/files/clip.mp4"}}


def script(*answers: Answer | object) -> Callable[[Call], Answer | object]:
    """Give the answers one after the other."""
    queue = list(answers)
    return lambda call: queue.pop(0)
