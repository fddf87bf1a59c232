"""Every task of every provider that the installed client knows: its request, its polling, its reply."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import Answer, Call, HubServer
from huggingface_hub.inference._providers import PROVIDERS
from provider_cases import ID, MASK, MP4, WAV, ask, b64, chat, png, providers

from tools.experts.provider_tasks import ADAPTERS

HF = "hf-inference"
"""The one provider that the other tests ask."""
KEYED = "openai"
"""Takes no token of Hugging Face."""
FILES = {".png": png(), ".wav": WAV, ".mp4": MP4}
PAIRS = [(name, task) for name, tasks in PROVIDERS.items() if name not in (HF, KEYED) for task in tasks]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with providers(monkeypatch) as running:
        yield running


def made(host: str) -> dict[tuple[str, str], Any]:
    """Return what providers reply, by provider (empty for all others) and task."""
    image, audio, video = (f"http://{host}/files/made{suffix}" for suffix in FILES)
    picture = {"data": [{"b64_json": b64(FILES[".png"])}]}
    queued = {"request_id": "1", "status": "COMPLETED", "response_url": "http://queue/fal-ai/r/1"}
    job = {"data": {"urls": {"get": "http://queue/r/1"}}}
    done = {"id": "1", "status": "completed", "outputs": {"video_url": video}}
    return {
        ("", "conversational"): chat("Done."),
        ("", "text-generation"): {"choices": [{"text": "Done."}]},
        ("", "feature-extraction"): {"data": [{"embedding": [0.5, 0.25]}]},
        ("", "automatic-speech-recognition"): {"text": "Done."},
        ("replicate", "automatic-speech-recognition"): {"output": "Done."},
        ("", "text-to-speech"): Answer(WAV),
        ("fal-ai", "text-to-speech"): {"audio": {"url": audio}},
        ("replicate", "text-to-speech"): {"output": audio},
        ("", "text-to-image"): picture,
        ("fal-ai", "text-to-image"): {"images": [{"url": image}]},
        ("replicate", "text-to-image"): {"output": [image]},
        ("zai-org", "text-to-image"): {"id": "1", "task_status": "SUCCESS", "image_result": [{"url": image}]},
        ("together", "image-to-image"): picture,
        ("replicate", "image-to-image"): {"output": image},
        ("novita", "text-to-video"): {"video": {"video_url": video}},
        ("replicate", "text-to-video"): {"output": video},
        **{("together", task): done for task in ("text-to-video", "image-to-video")},
        **{("fal-ai", task): queued for task in QUEUED},
        **{("wavespeed", task): job for task in PROVIDERS["wavespeed"]},
        ("fal-ai", "result"): {
            "images": [{"url": image}],
            "image": {"url": f"data:image/png;base64,{MASK}"},
            "video": {"url": video},
        },
    }


QUEUED = ("image-to-image", "text-to-video", "image-to-video", "image-segmentation")
"""Tasks of fal-ai that are queued."""


@pytest.mark.parametrize(("name", "task"), PAIRS)
async def test_every_pair(server: HubServer, tmp_path: Path, name: str, task: str) -> None:
    server.add(ID, task, name)
    host = server.url.removeprefix("http://")
    replies = made(host)

    def reply(call: Call) -> Any:
        if call.data:
            return replies[name if (name, task) in replies else "", task]
        if content := FILES.get(call.path[-4:]):
            return Answer(content)
        if name == "wavespeed":
            suffix = ".mp4" if task.endswith("video") else ".png"
            return {"data": {"status": "completed", "outputs": [f"http://{host}/files/made{suffix}"]}}
        return replies[name, "result"]

    server.script = reply
    draft = await ask(task, tmp_path)
    assert draft.files or draft.text == "Done." or draft.data == [[0.5, 0.25]]
    assert len(server.calls) == 1
    assert f"/{name}/" in server.calls[0].path, "through the router, with the token of Hugging Face"


def test_no_pair_is_left_out() -> None:
    assert {task for _, task in PAIRS} <= ADAPTERS.keys()
    assert len(PAIRS) > 30
