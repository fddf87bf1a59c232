"""Which models can do a task here, from where, and what keeps the others from it."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_gpus import fake_gpus
from hub_server import HubServer, connect, serve
from huggingface_hub import constants

from tools import hub
from tools.errors import InputError, SetupError
from tools.models import Mode, Model, candidates, find, registry, shortlist
from tools.models.folders import inspect
from tools.settings import settings

TASK = "object-detection"
GIGA = 1_000_000_000


def folder(
    path: Path, architecture: str = "DetrForObjectDetection", weights: str = "model.safetensors"
) -> Path:
    """Make a folder that looks like a saved model; nothing in these tests loads it."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (path / weights).write_bytes(bytes(64))
    return path


def in_cache(id_: str, architecture: str = "DetrForObjectDetection") -> Path:
    root = Path(constants.HF_HUB_CACHE) / f"models--{id_.replace('/', '--')}"
    made = folder(root / "snapshots" / ("a" * 40), architecture)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("a" * 40)
    return made


def ids(task: str = TASK, mode: Mode = "hybrid") -> list[str]:
    return [model.id for model in shortlist(task, "embedded", mode, 50)]


def only(task: str, id_: str) -> Model:
    return next(model for model in candidates(task, "embedded", "hybrid") if model.id == id_)


@pytest.mark.parametrize(
    ("architecture", "tasks"),
    [
        ("DetrForObjectDetection", ("object-detection",)),
        ("BertForSequenceClassification", ("text-classification", "zero-shot-classification")),
        ("WhisperForConditionalGeneration", ("automatic-speech-recognition",)),
        ("BlipForConditionalGeneration", ("image-to-text",)),
        ("BertModel", ()),
    ],
)
def test_a_folder_tells_its_tasks(tmp_path: Path, architecture: str, tasks: tuple[str, ...]) -> None:
    found = inspect(folder(tmp_path / "m", architecture))
    assert found is not None
    assert (found.library, found.tasks, found.size) == ("transformers", tasks, 64)


def test_folders_of_other_libraries(tmp_path: Path) -> None:
    pipeline = folder(tmp_path / "pipeline")
    (pipeline / "model_index.json").write_text(
        json.dumps({"_class_name": "StableDiffusionInstructPix2PixPipeline"})
    )
    sentences = folder(tmp_path / "sentences")
    (sentences / "modules.json").write_text("[]")
    table = folder(tmp_path / "table", weights="model.skops")
    kinds = [inspect(path) for path in (pipeline, sentences, table)]
    assert [kind and kind.library for kind in kinds] == ["diffusers", "sentence-transformers", "sklearn"]
    assert [kind and kind.tasks[0] for kind in kinds] == [
        "image-to-image", "sentence-similarity", "tabular-classification",
    ]  # fmt: skip


def test_a_folder_without_safe_weights_is_none(tmp_path: Path) -> None:
    assert inspect(folder(tmp_path / "m", weights="pytorch_model.bin")) is None
    assert inspect(tmp_path / "nowhere") is None


def test_models_in_the_cache_are_candidates_without_any_network() -> None:
    made = in_cache("me/detector")
    in_cache("me/speech", "Wav2Vec2ForCTC")
    (model,) = shortlist(TASK, "embedded", "hybrid", 5)
    assert (model.id, model.source, model.here) == ("me/detector", "cache", True)
    assert [(way.engine, way.folder) for way in model.ways] == [("pipeline", made)]
    assert find(TASK, "me/detector") == model
    assert ids(mode="providers") == []


def test_a_model_of_which_a_shard_is_missing_is_not_in_the_cache() -> None:
    made = in_cache("me/detector")
    (made / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"w": "model-2.safetensors"}})
    )
    assert ids() == []
    (made / "model-2.safetensors").write_bytes(b"x")
    assert ids() == ["me/detector"]


def test_the_registry_is_written_read_and_kept_as_the_user_wrote_it(tmp_path: Path) -> None:
    path = settings().models_file
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[[models]]\nid = "a/b" # best\ntasks = ["summarization"]\n')
    birds = folder(tmp_path / "birds", "ViTForImageClassification")
    registry.add(str(birds), [], {"about": "Tells birds."})
    registry.add("https://example.org/run", ["Image Captioning"], {"name": "mine"})
    text = path.read_text()
    assert text.startswith("# mine")
    assert "# best" in text
    assert [one["id"] for one in tomllib.loads(text)["models"]] == ["a/b", "birds", "mine"]
    assert [registry.tasks_of(entry) for entry in registry.entries()] == [
        ("summarization",), ("image-classification",), ("image-to-text",),
    ]  # fmt: skip
    registry.add(str(birds), ["image-feature-extraction"])
    registry.remove("a/b")
    assert [(one.id, one.tasks) for one in registry.entries()] == [
        ("mine", ("image-to-text",)), ("birds", ("image-feature-extraction",)),
    ]  # fmt: skip


def test_registered_models_come_first_and_are_found_by_name(tmp_path: Path) -> None:
    in_cache("me/other", "ViTForImageClassification")
    made = folder(tmp_path / "birds", "ViTForImageClassification")
    registry.add(str(made), [], {"about": "Tells birds."})
    first, second = shortlist("image-classification", "embedded", "hybrid", 5)
    assert (first.id, first.about, first.ways[0].folder) == ("birds", "Tells birds.", made)
    assert second.id == "me/other"
    assert find("image-classification", "birds") == first


def test_an_address_is_a_remote_way() -> None:
    registry.add("http://127.0.0.1:1/run", [TASK], {"name": "mine"})
    (model,) = shortlist(TASK, "embedded", "providers", 5)
    assert (model.ways[0].engine, model.ways[0].url) == ("endpoint", "http://127.0.0.1:1/run")
    assert ids(mode="local") == []


@pytest.mark.parametrize(
    ("what", "tasks", "says"),
    [
        ("nowhere", [], "no folder here, and no Hub id"),
        ("./a/b", [], "no folder here"),
        ("a/b", ["juggling"], "There is no task 'juggling'"),
        ("https://example.org", [], "say for which tasks"),
        (".", [], "holds no model that can be loaded"),
    ],
)
def test_what_cannot_be_registered(
    what: str, tasks: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        registry.add(what, tasks)
    assert registry.entries() == ()
    with pytest.raises(InputError, match="There is no model"):
        registry.remove("a/b")


@pytest.mark.parametrize(
    "text", ["[[models]\n", '[[models]]\nid = "a"\nextra = 1\n', '[[models]]\nid = "a b"\n']
)
def test_a_registry_that_cannot_be_used_is_told(text: str) -> None:
    settings().models_file.parent.mkdir(parents=True)
    settings().models_file.write_text(text)
    with pytest.raises(SetupError, match=r"models\.toml cannot be (used|read)"):
        shortlist(TASK, "embedded", "hybrid", 5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serve() as running:
        connect(running, monkeypatch)
        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.setenv("HUGGINGGPT_DEVICE", "cpu")
        settings.cache_clear()
        yield running
        hub.forget()


def add(server: HubServer, id_: str, **more: Any) -> None:
    known: dict[str, Any] = {
        "library_name": "transformers", "tags": ["safetensors", "license:mit"], "sha": "b" * 40,
        "safetensors": {"parameters": {"F32": 1_000_000}, "total": 1_000_000},
    }  # fmt: skip
    server.add(id_, TASK, "hf-inference:error", **{**known, **more})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"library_name": "timm"}, "No engine here does object-detection with models for timm."),
        ({"tags": ["safetensors", "custom_code"]}, "code of its own"),
        ({"tags": ["pytorch"], "safetensors": None}, "no safetensors"),
        ({"tags": ["safetensors", "gptq"]}, "format gptq"),
        ({"gated": "auto"}, "terms must be accepted"),
        ({"safetensors": {"parameters": {"BF16": GIGA * 4}, "total": GIGA * 4}}, "may take 10.0 GB"),
        ({"safetensors": {"parameters": {"F32": GIGA * 2}, "total": GIGA * 2}}, "It is 8.0 GB large"),
    ],
)
def test_what_keeps_a_model_of_the_hub_from_running_here(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], says: str
) -> None:
    monkeypatch.setenv("HUGGINGGPT_MEMORY_GB", "10")
    monkeypatch.setenv("HUGGINGGPT_MAX_DOWNLOAD_GB", "7")
    settings.cache_clear()
    add(server, "a/good")
    add(server, "a/bad", **change)
    bad = only(TASK, "a/bad")
    assert bad.ways == ()
    assert says in bad.obstacles[0]
    good = only(TASK, "a/good")
    assert (good.size, good.license, good.here) == (4_000_000, "mit", False)
    assert [(way.engine, way.repo, way.revision) for way in good.ways] == [("pipeline", "a/good", "b" * 40)]
    assert ids() == ["a/good"]


def test_only_allowed_licenses(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_LICENSES", "apache-2.0, MIT")
    settings.cache_clear()
    add(server, "a/mit")
    add(server, "a/agpl", tags=["safetensors", "license:agpl-3.0"])
    assert ids() == ["a/mit"]
    assert only(TASK, "a/agpl").obstacles == ("Its license (agpl-3.0) is not one of HUGGINGGPT_LICENSES.",)
    assert ids("text-to-speech") == ["rhasspy/piper-voices"]
    monkeypatch.setenv("HUGGINGGPT_LICENSES", "apache-2.0")
    settings.cache_clear()
    assert ids("text-to-speech") == []


def test_what_is_here_comes_before_what_is_used_more(server: HubServer) -> None:
    add(server, "a/few", downloads=5)
    add(server, "a/many", downloads=5_000)
    in_cache("a/few")
    assert ids() == ["a/few", "a/many"]
    assert only(TASK, "a/few").downloads == 5


def test_a_model_both_here_and_at_providers_has_two_ways(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings.cache_clear()
    add(server, "a/both")
    server.models[-1]["inferenceProviderMapping"] = {
        "hf-inference": {"providerId": "a/both", "status": "live", "task": TASK}
    }
    assert [way.engine for way in only(TASK, "a/both").ways] == ["pipeline", "provider"]
    found = {mode: find(TASK, "a/both", mode) for mode in ("local", "providers")}
    assert {mode: [way.engine for way in model.ways] for mode, model in found.items() if model} == {
        "local": ["pipeline"],
        "providers": ["provider"],
    }


def test_models_that_the_hub_has_no_tag_for_are_known(server: HubServer) -> None:
    id_ = "lllyasviel/sd-controlnet-canny"
    server.add(id_, "", library_name="diffusers", tags=["safetensors"], sha="c" * 40)
    server.models[-1]["inferenceProviderMapping"] = {}
    model = only("canny-text-to-image", id_)
    assert model.ways[0].base == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    asked = len(server.infos)
    assert find("canny-text-to-image", id_) == model
    assert len(server.infos) == asked, "what was read is kept"
    assert [one.id for one in shortlist("canny-control", "embedded", "hybrid", 5)] == ["opencv/canny"]


def test_memory_is_counted_for_the_device(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HUGGINGGPT_MEMORY_GB", "3")
    settings.cache_clear()
    add(server, "a/big", safetensors={"parameters": {"BF16": GIGA}, "total": GIGA})
    assert ids() == [], "4 bytes a number on the CPU"
    with fake_gpus(tmp_path, total=[8000]):
        found = shortlist(TASK, "embedded", "hybrid", 5, "cuda")
        assert [(model.id, model.ways[0].device) for model in found] == [("a/big", "cuda")]
        own = registry.add(str(folder(tmp_path / "own")), [])
        assert [model.id for model in shortlist(TASK, "embedded", "local", 5, "cuda")] == [own.id, "a/big"]
        assert shortlist(TASK, "embedded", "local", 5, "cuda:1") == []
        assert "There is no device 'cuda:1' here; set HUGGINGGPT_DEVICE" in str(
            find(TASK, "a/big", "local", "cuda:1")
        )
