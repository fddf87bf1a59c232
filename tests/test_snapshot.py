"""Fetching models of the Hub: the files that are needed and no others, once, with progress, stopped on request."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Answer, HubServer, connect, serve
from huggingface_hub import constants

from tools import hub
from tools.assets import DownloadCancelledError, cancelled, on_progress
from tools.errors import ModelError, SetupError, TransientError
from tools.models.snapshot import chosen, fetch

ID, COMMIT = "a/model", "b" * 40
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"w" * 300_000,
    "vocab.txt": b"words",
    "pytorch_model.bin": b"p" * 10,
    "onnx/model.safetensors": b"o",
    "README.md": b"read",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serve() as running:
        connect(running, monkeypatch)
        running.files[ID] = FILES
        yield running
        hub.forget()


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_is_needed_is_fetched_once(server: HubServer) -> None:
    reports: list[tuple[str, int, int]] = []
    on_progress.set(lambda *report: reports.append(report))
    folder = fetch(ID, COMMIT, "pipeline")
    assert names(folder) == {"config.json", "model.safetensors", "vocab.txt"}
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert folder.is_relative_to(constants.HF_HUB_CACHE)
    assert reports[-1] == (ID, 300_007, 300_007)
    assert len(server.fetched) == 3
    assert fetch(ID, COMMIT, "pipeline") == folder
    assert len(server.fetched) == 3


def test_the_newest_commit_is_taken_where_none_is_named(server: HubServer) -> None:
    server.add(ID, "object-detection", sha=COMMIT)
    assert fetch(ID, None, "pipeline").name == COMMIT
    assert not server.calls


@pytest.mark.parametrize(
    ("listed", "engine", "kept"),
    [
        (["model_index.json", "unet/a.safetensors", "unet/a.fp16.safetensors", "v1-5.safetensors", "unet/config.json",
          "unet/a.bin"], "diffusers", {"model_index.json", "unet/a.safetensors", "unet/config.json"}),
        (["model_index.json", "unet/a.fp16.safetensors"], "diffusers", {"model_index.json", "unet/a.fp16.safetensors"}),
        (["config.json", "model-1.safetensors", "consolidated.safetensors", "training_args.bin", "LICENSE.txt",
          "1_Pooling/config.json", "2_Dense/model.safetensors"], "sentence-transformers",
         {"config.json", "model-1.safetensors", "1_Pooling/config.json", "2_Dense/model.safetensors"}),
        (["hyperparams.yaml", "masknet.ckpt", "example.wav"], "speechbrain", {"hyperparams.yaml", "masknet.ckpt"}),
        (["config.json", "model.pkl", "model.skops"], "skops", {"config.json", "model.skops"}),
    ],
)  # fmt: skip
def test_files_that_an_engine_needs(listed: list[str], engine: str, kept: set[str]) -> None:
    assert set(chosen(dict.fromkeys(listed, 1), engine)) == kept


def test_without_weights_that_are_safe_nothing_is_fetched(server: HubServer) -> None:
    server.files[ID] = {"config.json": b"{}", "pytorch_model.bin": b"p"}
    with pytest.raises(ModelError, match="no weights that can be loaded safely"):
        fetch(ID, COMMIT, "pipeline")
    assert not server.fetched


def test_a_stopped_fetch_ends_soon_and_goes_on_later(server: HubServer) -> None:
    stop = threading.Event()
    cancelled.set(stop)
    stop.set()
    with pytest.raises(DownloadCancelledError):
        fetch(ID, COMMIT, "pipeline")
    stop.clear()
    assert (fetch(ID, COMMIT, "pipeline") / "model.safetensors").stat().st_size == 300_000
    cancelled.set(None)


def test_what_the_hub_refuses_is_told(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="The Hub has no a/none"):
        fetch("a/none", COMMIT, "pipeline")
    monkeypatch.setattr(server, "tree", lambda id_: Answer({}, 403, {"X-Error-Code": "GatedRepo"}))
    with pytest.raises(SetupError, match="accept the terms on its page, then set HF_TOKEN"):
        fetch(ID, COMMIT, "pipeline")
    monkeypatch.setattr(server, "tree", lambda id_: Answer([], cut=True))
    with pytest.raises(TransientError, match="check the network"):
        fetch(ID, COMMIT, "pipeline")


def test_too_little_room_is_told_before_anything_is_fetched(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tools.models.snapshot.shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(SetupError, match="set HF_HOME to"):
        fetch(ID, COMMIT, "pipeline")
    assert not server.fetched
