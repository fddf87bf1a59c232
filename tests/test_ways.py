"""Running one model in the ways it has: here first, else remotely, and the reverse on failure."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hub_server import Answer, HubServer, connect, serve
from langsmith import RunTree, tracing_context
from typer.testing import CliRunner

from app.cli import app
from tools import hub
from tools.artifacts import store
from tools.errors import InputError, ModelError, SetupError, TransientError
from tools.experts import workers
from tools.experts.engine import Engine
from tools.experts.engines import ENGINES
from tools.experts.run import run
from tools.models import Model, Way, find, registry
from tools.settings import settings

ID, TASK = "a/model", "image-classification"
SCORES = [{"label": "cat", "score": 0.75}]
PROVIDER = Way(engine="provider", local=False)
ALWAYS_FAILS = Way(engine="failing")


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setitem(
        ENGINES, "failing", Engine(module="failing_engine", requires="json", extra="embedded")
    )
    with serve() as running:
        connect(running, monkeypatch)
        running.add(ID, TASK)
        running.script = lambda call: Answer(SCORES)
        yield running
        hub.forget()
    workers.shutdown()


@pytest.fixture
def image(tmp_path: Path) -> str:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    return store().put(tmp_path / "a.png").ref


def model(*ways: Way) -> Model:
    return Model(
        id=ID, tasks=(TASK,), about="A model.", source="hub", ways=ways, obstacles=("It is too large.",)
    )


async def test_what_fails_here_runs_at_a_provider(image: str) -> None:
    output = await run(TASK, model(ALWAYS_FAILS, PROVIDER), {"image": image}, store=store(), timeout=20)
    assert (output.text, output.by) == ("cat 0.75", "provider")


async def test_a_trace_tells_where_a_model_ran(image: str) -> None:
    here, there = RunTree(name="here"), RunTree(name="there")
    for traced, ways in ((here, [ALWAYS_FAILS]), (there, [PROVIDER])):
        with tracing_context(parent=traced, enabled="local"), suppress(ModelError):
            await run(TASK, model(*ways), {"image": image}, store=store(), timeout=20)
    assert here.metadata == {"engine": "failing", "device": "cpu"}
    assert there.metadata == {"engine": "provider", "provider": "hf-inference"}


async def test_an_engine_without_a_gpu_has_one_worker_whatever_the_device(image: str) -> None:
    ENGINES["works"] = Engine(module="toy_engine", requires="json", extra="embedded")
    workers._workers.clear()
    try:
        for device in ("auto", "cpu", "cuda:1"):
            way = Way(engine="works", device=device)
            await run("image-to-image", model(way), {"image": image}, store=store(), timeout=20)
    finally:
        del ENGINES["works"]
    assert list(workers._workers) == [ID]


async def test_what_fails_at_providers_runs_here(server: HubServer, image: str) -> None:
    server.script = lambda call: Answer({"error": "no"}, 402)
    works = Way(engine="works")
    ENGINES["works"] = Engine(module="toy_engine", requires="json", extra="embedded")
    try:
        output = await run(
            "image-to-image", model(PROVIDER, works), {"image": image}, store=store(), timeout=20
        )
    finally:
        del ENGINES["works"]
    assert (output.text, output.by) == ("copied", "works")


async def test_an_endpoint_of_ones_own_runs_like_any_model(server: HubServer, image: str) -> None:
    registry.add(f"{server.url}/mine", [TASK], {"name": "mine"})
    found = find(TASK, "mine")
    assert found is not None
    output = await run(TASK, found, {"image": image}, store=store(), timeout=20)
    assert (output.text, output.by) == ("cat 0.75", "endpoint")
    assert [call.path for call in server.calls] == ["/mine"]


async def test_when_no_way_succeeds_all_reasons_are_told(server: HubServer, image: str) -> None:
    server.script = lambda call: Answer({"error": "x"}, 401)
    with pytest.raises(ModelError) as caught:
        await run(TASK, model(ALWAYS_FAILS, PROVIDER), {"image": image}, store=store(), timeout=20)
    assert "It never works." in str(caught.value)
    assert "set HF_TOKEN" in str(caught.value)
    with pytest.raises(SetupError, match="set HF_TOKEN"):
        await run(TASK, model(PROVIDER), {"image": image}, store=store(), timeout=20)
    server.script = lambda call: Answer({"error": "x"}, 504)
    with pytest.raises(TransientError):
        await run(TASK, model(ALWAYS_FAILS, PROVIDER), {"image": image}, store=store(), timeout=20)


async def test_a_model_without_a_way_says_why(image: str) -> None:
    with pytest.raises(ModelError, match=r"a/model cannot run here\. It is too large\."):
        await run(TASK, model(), {"image": image}, store=store())


async def test_an_input_of_no_use_is_not_tried_elsewhere(server: HubServer, image: str) -> None:
    server.models[0]["inferenceProviderMapping"]["hf-inference"]["task"] = "zero-shot-image-classification"
    with pytest.raises(InputError, match="at least two labels"):
        await run("zero-shot-image-classification", model(PROVIDER, PROVIDER), {"image": image, "labels": "a"},
                  store=store(), timeout=20)  # fmt: skip
    assert not server.calls


def test_models_of_a_task_on_the_command_line(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HUGGINGGPT_DEVICE", "cpu")
    settings.cache_clear()
    about: dict[str, Any] = {
        "library_name": "transformers",
        "tags": ["safetensors", "license:mit"],
        "downloads": 1234,
    }
    weights = {"parameters": {"F32": 10**11}, "total": 10**11}
    server.add("a/large", "object-detection", "hf-inference:error", safetensors=weights, **about)
    server.add("a/served", "object-detection", "fal-ai", downloads=99)
    done = CliRunner().invoke(app, ["models", "object-detection"])
    assert done.exit_code == 0
    served, large = done.stdout.splitlines()[1:3]
    assert served.split()[1:] == ["a/served", "99", "-", "-", "fal-ai"]
    assert large.split()[1:6] == ["a/large", "1,234", "400,000", "MB", "mit"]
    assert "It needs 480.0 GB of memory" in large
    listed = json.loads(CliRunner().invoke(app, ["models", "object-detection", "--json"]).stdout)
    assert [(one["id"], one["ways"]) for one in listed] == [("a/served", ["fal-ai"]), ("a/large", [])]


def test_models_of_ones_own_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    birds = tmp_path / "birds"
    birds.mkdir()
    (birds / "config.json").write_text(json.dumps({"architectures": ["ViTForImageClassification"]}))
    (birds / "model.safetensors").write_bytes(b"w")
    run_ = CliRunner().invoke
    added = run_(app, ["models", "add", str(birds), "--about", "Tells birds."])
    assert added.stdout.strip() == "Added birds for image-classification."
    listed = run_(app, ["models", "list"]).stdout
    assert "Tells birds." in listed
    assert str(birds) in listed
    found = find("image-classification", "birds")
    assert found is not None
    assert "here (pipeline)" in run_(app, ["models", "image-classification"]).stdout
    assert run_(app, ["models", "remove", "birds"]).stdout.strip() == "Removed birds."
    assert run_(app, ["models", "remove", "birds"]).exit_code == 2
    assert "There are no models of your own" in run_(app, ["models", "list"]).stdout
