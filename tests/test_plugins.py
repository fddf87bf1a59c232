"""Task types and engines from outside the repository."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from chat_server import ChatServer, Script, said
from PIL import Image
from test_retrieval import Words

from app.docs import PAGE, page
from graph.agent import build
from graph.context import Context
from graph.files import message
from graph.planners import retrieval
from graph.state import Request, State
from tools import plugins
from tools.artifacts import store
from tools.errors import SetupError
from tools.experts import workers
from tools.experts.engine import Engine, Job
from tools.experts.engines import ENGINES, register, run_job
from tools.hf_tools import INJECTED, hf_tools
from tools.models import candidates, registry
from tools.outputs import Artifact
from tools.tasks import TASKS, Slot, TaskRow, find
from tools.tasks import register as register_task
from tools.tasks.row import RESERVED

ROOT = Path(__file__).parent.parent
Start = Callable[[Script], ChatServer]


@pytest.fixture(autouse=True)
def _own_tables() -> Iterator[None]:
    with patch.dict(TASKS), patch.dict(ENGINES), patch.dict(sys.modules):
        yield


@pytest.fixture
def _palette(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_PLUGINS", " palette_plugin, ")
    plugins.load()


@pytest.fixture
def picture(tmp_path: Path) -> Artifact:
    path = tmp_path / "sea.png"
    Image.new("RGB", (4, 4), "#123456").save(path)
    return store().put(path)


@pytest.mark.usefixtures("_palette")
def test_a_row_is_known_everywhere_but_on_the_page_of_built_in_tasks() -> None:
    assert find("Dominant Colours") is TASKS["palette"]
    (tool,) = hf_tools(["palette"])
    assert tool.args.keys() == {"image"}
    (model,) = candidates("palette", "embedded", "hybrid")
    assert (model.id, model.ways[0].place) == ("quantize", "here (quantize)")
    assert candidates("palette", "embedded", "providers")[0].ways == ()
    assert page() == PAGE.read_text("utf-8")


@pytest.mark.usefixtures("_palette")
async def test_the_retrieval_planner_finds_it_by_its_phrases(picture: Artifact) -> None:
    plan = await retrieval.plan("Make a palette of the picture", [picture], TASKS, Words())
    assert [task.name for task in plan.tasks] == ["palette"]


@pytest.mark.usefixtures("_palette")
async def test_a_chat_model_plans_with_it_and_it_runs_in_a_worker(
    chat_server: Start, picture: Artifact
) -> None:
    def script(body: dict[str, Any]) -> str:
        plan = {"tasks": [{"task": "palette", "id": 0, "args": {"image": "sea.png"}}]}
        return json.dumps(plan) if "response_format" in body else "Dark blue."

    server = chat_server(script)
    request = Request(messages=[message("Its colours?", [picture])])
    try:
        state = State(**await build().ainvoke(request, context=Context(model=server.url)))
    finally:
        workers.shutdown()
    assert "palette(image: image) -> image: Finds the dominant colours" in said(server.requests[0])
    result = state.results["0"]
    assert result.output, result.error
    assert (result.model, result.output.by, result.output.text) == ("quantize", "quantize", "#123456")
    assert (result.output.files[0].name, result.output.files[0].media) == ("palette.png", "image")


def test_a_killed_run_goes_on_in_another_process(chat_server: Start, tmp_path: Path) -> None:
    tasks = [
        {"task": "palette", "id": 0, "args": {"image": "sea.png"}},
        {"task": "palette", "id": 1, "args": {"image": "<resource>-0"}},
    ]
    server = chat_server(lambda body: json.dumps({"tasks": tasks}) if "response_format" in body else "Blue.")
    Image.new("RGB", (4, 4), "#123456").save(tmp_path / "sea.png")
    (tmp_path / "hang").touch()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        "HUGGINGGPT_MODEL": server.url,
        "HUGGINGGPT_PLUGINS": "palette_plugin",
    }
    command = [sys.executable, "-m", "app.cli"]
    options: dict[str, Any] = {"cwd": tmp_path, "env": environment, "text": True}
    run = subprocess.Popen(
        [*command, "run", "Its colours?", "--file", "sea.png", "--thread", "t"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip
    assert run.stdout
    for line in run.stdout:
        if line.startswith("1 palette: running"):
            break
    # The first result is on its way to the disk when the second task starts.
    time.sleep(1)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    (tmp_path / "hang").unlink()

    resumed = subprocess.run(
        [*command, "resume", "t", "--json"], capture_output=True, timeout=60, check=False, **options
    )
    assert resumed.returncode == 0, resumed.stderr
    results = json.loads(resumed.stdout)["results"]
    assert {id_: result["text"] for id_, result in results.items()} == {"0": "#123456", "1": "#123456"}
    assert (tmp_path / "calls").read_text() == "...", "the first task ran once, the second was cut off"

    del environment["HUGGINGGPT_PLUGINS"]
    shown = subprocess.run([*command, "show", "t"], capture_output=True, check=False, **options)
    assert shown.returncode == 1
    assert shown.stderr == (
        "Error: The plan of this thread cannot be used: task 0: there is no task type 'palette'; "
        "HUGGINGGPT_PLUGINS names the modules that add task types.\n"
    )


ROW = """
from tools.tasks import Slot, TaskRow, register
row = TaskRow(name="{name}", about="-", examples=("a", "b", "c"), slots=({slots},), makes=("text",))
register(row)
"""
TEXT = 'Slot(name="text")'


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "there is no module of that name; install it, or put its folder on PYTHONPATH"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("x = (", "was never closed"),
        (ROW.format(name="Two words", slots=TEXT), "name: String should match pattern"),
        (ROW.format(name="ner", slots=TEXT), "'ner' already means token-classification"),
        (ROW.format(name="own", slots=f"{TEXT}, {TEXT}"), "own has two slots 'text'"),
        (ROW.format(name="own", slots='Slot(name="device")'), "own cannot have a slot 'device'"),
        (ROW.format(name="own", slots='Slot(name="text", required=False)'), "own has an optional first slot"),
        (
            "from tools.experts import engine, engines\n"
            "engines.register('skops', engine.Engine(module='x', requires='json'))",
            "the engine skops cannot be added",
        ),
    ],
)
def test_what_is_wrong_is_said(
    code: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code:
        (tmp_path / "own_plugin.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HUGGINGGPT_PLUGINS", "own_plugin")
    with pytest.raises(
        SetupError, match=r"^The plugin 'own_plugin' \(HUGGINGGPT_PLUGINS\) cannot be used: "
    ) as told:
        plugins.load()
    assert reason in str(told.value)


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "tasks"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HUGGINGGPT_PLUGINS": "no_such_plugin"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The plugin 'no_such_plugin' (HUGGINGGPT_PLUGINS) cannot be used")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("first", ["palette_plugin", "tools.tasks", "tools.plugins", "tools.experts.engines"])
def test_any_module_may_be_imported_first(first: str) -> None:
    shown = "from tools.models import shortlist; print(shortlist('palette', 'embedded', 'local', 1)[0].id)"
    code = f"import {first}; {shown}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "HUGGINGGPT_PLUGINS": "palette_plugin"},
    )  # fmt: skip
    assert done.stdout == "quantize\n", done.stderr


def test_registering_again_changes_nothing_unless_it_is_another_row() -> None:
    row = TaskRow(
        name="own", about="-", examples=("a", "b", "c"), slots=(Slot(name="text"),), makes=("text",)
    )
    register_task(row)
    register_task(row.model_copy())
    with pytest.raises(SetupError, match="'own' already means own"):
        register_task(row.model_copy(update={"about": "+"}))


def test_a_missing_library_of_an_own_engine_is_named(tmp_path: Path) -> None:
    engine = Engine(module="x", requires="no_such_library", tasks=("summarization",))
    register("own", engine)
    found = next(one for one in candidates("summarization", "embedded", "hybrid") if one.id == "own")
    assert found.obstacles == ("It needs the no_such_library library: pip install no_such_library.",)
    with pytest.raises(SetupError, match=r"pip install no_such_library\.$"):
        run_job(engine, Job(task="summarization", model=None, inputs={}, out=tmp_path))


def test_an_own_engine_loads_models_of_the_user(tmp_path: Path) -> None:
    row = TaskRow(
        name="own", about="-", examples=("a", "b", "c"), slots=(Slot(name="text"),), makes=("text",)
    )
    register_task(row)
    register("own-engine", Engine(module="x", requires="json", tasks=("own",), libraries=("transformers",)))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    registry.add(str(folder), ["own"])
    (model,) = candidates("own", "embedded", "hybrid")
    assert (model.id, model.ways[0].engine, model.ways[0].folder) == ("mine", "own-engine", folder)


async def test_the_module_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "own.md").read_text(), re.DOTALL)
    (tmp_path / "readability.py").write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HUGGINGGPT_PLUGINS", "readability")
    plugins.load()
    easy, hard = "The cat sat on the mat.", "Institutional considerations necessitate differentiation."
    request = f"How easy is this text to read: {easy}"
    (task,) = (await retrieval.plan(request, [], TASKS, Words())).tasks
    assert (task.name, task.inputs[0].value) == ("readability", easy)
    run = import_module("readability").run
    eases = [
        run(Job(task=task.name, model=None, inputs={"text": text}, out=tmp_path)).data["ease"]
        for text in (easy, hard)
    ]
    assert eases[0] > 100
    assert eases[1] < 0


def test_no_slot_may_have_the_name_of_another_argument() -> None:
    assert set(RESERVED) == INJECTED.keys()
