"""What it takes to run a model, before it runs: downloads, memory and price, unknown where nobody knows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import Answer, HubServer, connect, serve
from huggingface_hub import constants

from tools import hub
from tools.models import registry, snapshot
from tools.models.cost import Cost, cost

TASK, COMMIT = "object-detection", "c" * 40
ABOUT: dict[str, Any] = {"library_name": "transformers", "tags": ["safetensors"], "sha": COMMIT}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(snapshot, "_expected", {})
    with serve() as running:
        connect(running, monkeypatch)
        yield running
        hub.forget()


def found(id_: str, task: str = TASK) -> Cost:
    one = cost(task, id_, "hybrid", "cpu")
    assert one is not None
    return one


def test_a_model_of_the_hub_takes_the_files_that_would_be_fetched(server: HubServer) -> None:
    weights = {"parameters": {"F32": 1000}, "total": 1000}
    server.add("a/one", TASK, "fal-ai:error", safetensors=weights, **ABOUT)
    server.files["a/one"] = {
        "config.json": b"{}",
        "model.safetensors": bytes(4100),
        "pytorch_model.bin": bytes(9),
    }
    expected = Cost(model="a/one", place="here once fetched (pipeline)", download=4102, memory=4800, price=0)
    assert found("a/one") == expected
    server.files.clear()
    assert found("a/one") == expected, "the Hub is asked for the files of a commit once"


def test_what_the_hub_tells_of_the_weights_stands_in_for_the_files(server: HubServer) -> None:
    server.add(
        "a/one", TASK, "fal-ai:error", safetensors={"parameters": {"F16": 1000}, "total": 1000}, **ABOUT
    )
    one = found("a/one")
    assert (one.download, one.memory) == (2000, 4800)
    server.add("a/two", TASK, "fal-ai:error", **ABOUT)
    assert (found("a/two").download, found("a/two").memory) == (None, None)


def test_a_control_net_comes_with_its_diffusion_model(server: HubServer) -> None:
    task, base = "canny-text-to-image", "a/base"
    server.add("a/net", task, "fal-ai:error", tag="image-to-image", **{
        **ABOUT, "library_name": "diffusers", "tags": ["safetensors", f"base_model:adapter:{base}"],
    })  # fmt: skip
    server.files["a/net"] = {"model.safetensors": bytes(500)}
    server.files[base] = {"model_index.json": b"{}", "unet/model.safetensors": bytes(1000)}
    server.add(base, "text-to-image", sha=COMMIT)
    assert found("a/net", task).download == 1502


def test_a_model_that_is_here_is_not_fetched(server: HubServer) -> None:
    root = Path(constants.HF_HUB_CACHE) / "models--a--one"
    folder = root / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    (folder / "config.json").write_text(json.dumps({"architectures": ["DetrForObjectDetection"]}))
    (folder / "model.safetensors").write_bytes(bytes(1000))
    server.hub = lambda call: Answer(status=500)
    assert found("a/one") == Cost(model="a/one", place="here (pipeline)", download=0, memory=1200, price=0)


def test_providers_and_endpoints_take_nothing_here_and_charge_what_is_not_known(server: HubServer) -> None:
    server.add("a/served", TASK, "hf-inference", library_name="none")
    remote = found("a/served")
    assert (remote.place, remote.download, remote.memory, remote.price) == ("hf-inference", 0, 0, None)
    registry.add("https://example.org/run?key=secret", [TASK], {"name": "mine"})
    assert "secret" not in str(found("mine"))
    assert found("openai:gpt-5", "summarization").price is None


def test_embedded_models_take_what_the_manifest_says() -> None:
    speech = found("Systran/faster-whisper-base", "automatic-speech-recognition")
    assert speech.download == 145217532 + 2309 + 2203239 + 459861
    assert speech.memory == int(1.2 * 147882941)
    page = found("document-reader", "document-question-answering")
    assert (page.download, page.memory) == (1117320768, None), "the chat model is fetched, PP-OCR is there"
    assert (
        found("opencv/canny", "canny-control").download,
        found("opencv/canny", "canny-control").memory,
    ) == (0, 0)


def test_what_cannot_run_has_no_cost() -> None:
    assert cost(TASK, "a/none", "local", "cpu") is None
