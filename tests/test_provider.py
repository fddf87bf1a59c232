"""Inference providers: the real client against a loopback Hub and its providers, for every task and every failure."""

import asyncio
import base64
import email.utils
import inspect
import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import TOKEN, Answer, Call, HubServer, connect, serve
from huggingface_hub import AsyncInferenceClient
from PIL import Image

from tools import hf_http
from tools.artifacts import store
from tools.errors import InputError, ModelError, SetupError, TransientError
from tools.experts import provider
from tools.experts.engine import Job
from tools.experts.provider import run_provider
from tools.experts.provider_tasks import ADAPTERS
from tools.experts.run import run
from tools.hub import HubModel
from tools.models import find
from tools.outputs import Draft
from tools.settings import settings
from tools.sniff import sniff
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
TEXTS = {"labels": "cat, dog", "text": "The [MASK] sat.", "question": "How old is Bob?"}


def inputs(task: str, folder: Path) -> dict[str, str]:
    """Return a value for every slot that must be filled."""
    return {slot.name: value(slot.name, slot.media, folder) for slot in TASKS[task].slots if slot.required}


def value(name: str, media: str, folder: Path) -> str:
    if media == "text":
        return TEXTS.get(name, "Some text.")
    path = folder / f"in{ {'image': '.png', 'audio': '.wav', 'table': '.csv'}[media] }"
    path.write_bytes(VALUES[media])
    return str(path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serve() as running:
        connect(running, monkeypatch)
        monkeypatch.setattr(provider, "_seconds", lambda value: 0.0 if value == "" else seconds(value))
        yield running


seconds = provider._seconds


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
    "tabular-classification": (
        ["yes", "no"],
        "yes\nno",
        [{"prediction": "yes"}, {"prediction": "no"}],
    ),
}
"""What hf-inference replies for each task, and the text and data that are made of it."""


@pytest.mark.parametrize("task", REPLIES)
async def test_every_task_is_done(server: HubServer, tmp_path: Path, task: str) -> None:
    reply, text, data = REPLIES[task]
    server.add(ID, task)
    server.script = lambda call: Answer(reply)
    draft = await ask(task, tmp_path)
    assert draft.text == text
    assert json.loads(json.dumps(draft.data)) == data
    made = [sniff(path.read_bytes(), path.name).media for path in draft.files]
    wanted = [media for media in TASKS[task].makes if media != "text"]
    assert made[: len(wanted)] == wanted, "the files that the row promises, the main one first"
    (call,) = server.calls
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.path.startswith(f"/hf-inference/models/{ID}")


def test_every_adapter_is_of_a_task_and_run_here() -> None:
    assert ADAPTERS.keys() <= TASKS.keys()
    assert ADAPTERS.keys() - REPLIES.keys() == {"conversational", "text-to-video", "image-to-video"}


@pytest.mark.parametrize("task", ADAPTERS)
def test_arguments_fit_the_installed_client(tmp_path: Path, task: str) -> None:
    """Every slot, also the optional ones, reaches an argument that the method has by name."""
    slots = [slot for slot in TASKS[task].slots if slot.name != "labels" or slot.required]
    job = Job(
        task=task, model=None, out=tmp_path, inputs={s.name: value(s.name, s.media, tmp_path) for s in slots}
    )
    for adapter in ADAPTERS[task]:
        arguments = adapter.arguments(job, HubModel(id=ID))
        signature = inspect.signature(getattr(AsyncInferenceClient, adapter.method))
        signature.bind(None, **arguments)
        assert arguments.keys() <= signature.parameters.keys()
        passed = json.dumps(arguments)
        for slot in slots:
            assert slot.media != "text" or slot.name in ("labels", "text") or job.inputs[slot.name] in passed


async def test_what_a_provider_is_sent(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "fill-mask", mask_token="<mask>")
    server.script = lambda call: REPLIES["fill-mask"][0]
    await ask("fill-mask", tmp_path)
    assert server.calls[0].json["inputs"] == "The <mask> sat.", "the model's own mask"
    with pytest.raises(InputError, match="MASK"):
        await ask("fill-mask", tmp_path, text="Nothing is missing.")


async def test_a_table_goes_as_columns(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "table-question-answering")
    server.script = lambda call: REPLIES["table-question-answering"][0]
    await ask("table-question-answering", tmp_path)
    sent = server.calls[0].json["inputs"]
    assert sent == {"query": "How old is Bob?", "table": {"name": ["Ada", "Bob"], "age": ["36", "41"]}}


async def test_boxes_and_masks_are_drawn(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "object-detection")
    server.script = lambda call: REPLIES["object-detection"][0]
    draft = await ask("object-detection", tmp_path)
    with Image.open(draft.files[0]) as drawn:
        assert drawn.size == (64, 48)
        assert drawn.getpixel((50, 35)) != (255, 255, 255) == drawn.getpixel((30, 35))


async def test_segments_are_tinted_and_kept_as_masks(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "image-segmentation")
    server.script = lambda call: REPLIES["image-segmentation"][0]
    draft = await ask("image-segmentation", tmp_path)
    assert [path.name for path in draft.files] == ["segments.png", "mask-1-sky.png"]
    with Image.open(draft.files[0]) as drawn:
        assert drawn.getpixel((5, 5)) != (255, 255, 255)


async def test_chat_models_talk_and_see(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "conversational", "together", tag="image-text-to-text")
    server.script = lambda call: chat("<think>Hm.</think>\nA cat.")
    assert (await ask("text-generation", tmp_path, text="Hi")).text == "A cat."
    assert (await ask("visual-question-answering", tmp_path)).text == "A cat."
    talk, see = (call.json["messages"][0]["content"] for call in server.calls)
    assert talk == "Hi"
    assert see[0]["image_url"]["url"] == f"data:image/png;base64,{b64(png())}"
    assert see[1]["text"] == TEXTS["question"]
    assert server.calls[0].path == "/together/v1/chat/completions"


def video(call: Call) -> Answer | object:
    """Play fal-ai: a queue that is polled, then an address with the file."""
    if call.data:
        return {"request_id": "1", "status": "IN_QUEUE", "response_url": "http://queue/fal-ai/r/1"}
    if call.path.endswith("/status"):
        return {"status": "COMPLETED"}
    if call.path.endswith(".mp4"):
        return Answer(MP4)
    return {"video": {"url": f"http://{call.headers['host']}/files/clip.mp4"}}


async def test_a_video_is_polled_for(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-to-video", "fal-ai")
    server.script = video
    (path,) = (await ask("text-to-video", tmp_path)).files
    assert path.read_bytes() == MP4


async def test_polling_ends_when_nobody_waits(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-to-video", "fal-ai")
    polls: list[float] = []

    def never(call: Call) -> Answer | object:
        polls.append(time.monotonic())
        return {"status": "IN_PROGRESS"} if call.path.endswith("/status") else video(call)

    server.script = never
    with pytest.raises(TransientError, match="1 seconds"):
        await ask("text-to-video", tmp_path, timeout=1)
    assert await gone("huggingface-hub")
    task = asyncio.create_task(ask("text-to-video", tmp_path, timeout=60))
    await asyncio.sleep(0.8)
    task.cancel()
    before = len(polls)
    assert await gone("huggingface-hub", 1.5)
    assert 0 < before <= len(polls) <= before + 1


def script(*answers: Answer | object) -> Callable[[Call], Answer | object]:
    """Give the answers one after the other."""
    queue = list(answers)
    return lambda call: queue.pop(0)


async def test_the_next_provider_is_tried(server: HubServer, tmp_path: Path) -> None:
    server.add(
        ID, "text-generation", "featherless-ai", "unheard-of", "together:error", "novita", "hf-inference"
    )
    server.script = script(Answer(b"", 410), {"choices": [{"text": "Done."}]})
    assert (await ask("text-generation", tmp_path)).text == "Done."
    assert [call.path.split("/")[1] for call in server.calls] == ["featherless-ai", "novita"]


async def test_all_failures_are_told(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, "text-to-image", "nscale", "hf-inference")
    server.script = script(Answer({"error": "no such size"}, 422), Answer(b"", 404))
    with pytest.raises(
        ModelError, match=r"at nscale refused .*no such size.* at hf-inference is not served"
    ) as caught:
        await ask("text-to-image", tmp_path)
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0.05"}])
@pytest.mark.parametrize("status", sorted(provider.RETRIED))
async def test_a_busy_provider_is_asked_again(
    server: HubServer, tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    server.add(ID, TASK)
    server.script = script(Answer({"error": "busy"}, status, headers), [SCORES])
    start = time.monotonic()
    assert (await ask(TASK, tmp_path)).text.startswith("dog")
    assert len(server.calls) == 2
    if headers:
        assert time.monotonic() - start >= 0.05


async def test_retries_are_bounded(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer(b"", 503, {"Retry-After": "0"})
    with pytest.raises(TransientError, match="status 503"):
        await ask(TASK, tmp_path)
    assert len(server.calls) == provider.RETRIES + 1
    server.script = lambda call: Answer(b"", 429, {"Retry-After": "60"})
    async with asyncio.timeout(10):
        with pytest.raises(TransientError, match="too often"):
            await ask(TASK, tmp_path, timeout=None)
    assert len(server.calls) == provider.RETRIES + 2, "nobody waits a minute"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds("2") == 2
    assert 50 < (seconds(email.utils.formatdate(time.time() + 60, usegmt=True)) or 0) <= 60
    assert seconds("soon") is None
    assert seconds("") is None


@pytest.mark.parametrize(
    ("status", "says"), [(401, "set HF_TOKEN"), (402, "billing"), (403, "permission to call inference")]
)
async def test_the_account_is_no_matter_of_the_provider(
    server: HubServer, tmp_path: Path, status: int, says: str
) -> None:
    server.add(ID, TASK, "hf-inference", "together")
    server.script = lambda call: Answer({"error": f"bad token {TOKEN}"}, status)
    with pytest.raises(SetupError, match=says) as caught:
        await ask(TASK, tmp_path)
    assert len(server.calls) == 1
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer({"error": f"no {TOKEN}"}, 400), ModelError, r"refused the request .*\*\*\*"),
        (Answer(b"", 404), ModelError, "not served any more"),
        (Answer(b"", 410), ModelError, "not served any more"),
        (Answer(b"", 504), TransientError, "busy or broken"),
        (Answer(b"[[", cut=True), TransientError, "cut the connection"),
        (
            Answer(b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
            ModelError,
            "no usable reply",
        ),
        (Answer({"error": "loading"}), ModelError, "no usable reply"),
        (Answer([]), ModelError, "no usable reply"),
        (Answer(b"\xff\xfe"), ModelError, "no usable reply"),
    ],
)
async def test_failures(
    server: HubServer, tmp_path: Path, answer: Answer, error: type[ModelError], says: str
) -> None:
    server.add(ID, TASK)
    server.script = lambda call: answer
    with pytest.raises(ModelError, match=says) as caught:
        await ask(TASK, tmp_path)
    assert type(caught.value) is error
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("task", ["text-to-image", "text-to-speech", "audio-to-audio", "image-segmentation"])
async def test_a_page_in_place_of_a_file_is_no_result(server: HubServer, tmp_path: Path, task: str) -> None:
    server.add(ID, task)
    server.script = lambda call: Answer(b"<html>Welcome</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(ModelError, match="no usable reply"):
        await ask(task, tmp_path)


async def test_an_oversized_reply_is_not_read(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf_http, "MAX_BYTES", 1000)
    server.add(ID, "text-to-image")
    server.script = lambda call: Answer(bytes(200_000))
    with pytest.raises(ModelError, match="larger than"):
        await ask("text-to-image", tmp_path)


async def test_a_hang_ends_with_the_time_limit(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer([SCORES], pause=5)
    start = time.monotonic()
    with pytest.raises(TransientError, match="raise the time limit"):
        await ask(TASK, tmp_path, timeout=0.5)
    assert time.monotonic() - start < 3


async def test_cancelling_leaves_at_once(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    server.script = lambda call: Answer([SCORES], pause=5)
    task = asyncio.create_task(ask(TASK, tmp_path))
    await asyncio.sleep(0.5)
    assert server.calls
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 0.5
    assert await gone("huggingface-hub"), "the request is given up too"


async def test_cancelling_before_it_began_leaves_nothing(server: HubServer, tmp_path: Path) -> None:
    for turns in range(20):
        task = asyncio.create_task(hf_http.apart(lambda: asyncio.sleep(60), 60))
        await asyncio.sleep(turns / 4000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await gone("huggingface-hub")


async def gone(name: str, seconds: float = 0.7) -> bool:
    """Tell whether no thread of that name is left after a moment."""
    await asyncio.sleep(seconds)
    return name not in [thread.name for thread in threading.enumerate()]


async def test_the_event_loop_stays_free(server: HubServer, tmp_path: Path) -> None:
    """The client reads a model's providers and polls with blocking calls."""
    server.add(ID, TASK)
    server.script = lambda call: [SCORES]
    server.hub = lambda call: Answer(server.info(ID).body, pause=0.3)
    task = asyncio.create_task(ask(TASK, tmp_path))
    longest, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert (await task).text.startswith("dog")
    assert longest < 0.25


async def test_who_cannot_be_asked(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="has no a/model"):
        await ask(TASK, tmp_path)
    server.add(ID, "text-to-image", "fal-ai:error")
    with pytest.raises(ModelError, match="No inference provider serves a/model"):
        await ask("text-to-image", tmp_path)
    monkeypatch.setenv("HF_TOKEN", "sk-other")
    settings.cache_clear()
    with pytest.raises(SetupError, match="starts with hf_"):
        await ask(TASK, tmp_path)
    monkeypatch.delenv("HF_TOKEN")
    settings.cache_clear()
    with pytest.raises(SetupError, match="set HF_TOKEN"):
        await ask(TASK, tmp_path)
    assert not server.calls


async def test_labels_of_ones_own_need_another_model(server: HubServer, tmp_path: Path) -> None:
    server.add(ID, TASK)
    with pytest.raises(ModelError, match="labels of its own"):
        await ask(TASK, tmp_path, labels="a, b")


async def test_a_found_model_runs_like_any_expert(server: HubServer) -> None:
    server.add(ID, "text-to-image")
    server.script = lambda call: Answer(png())
    model = find("text-to-image", ID)
    assert model is not None
    output = await run("text-to-image", model, {"text": "A cat"}, store=store(), timeout=20)
    assert output.files[0].media == "image"
    assert store().path(output.files[0].ref).read_bytes().startswith(b"\x89PNG")
