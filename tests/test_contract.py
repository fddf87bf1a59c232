"""The contract between the tables: what a task's row promises, an engine's module keeps.

That the slots of a row also fit the method of the inference client is tested with the providers.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.assets import ASSETS
from tools.experts.chat import TASKS as CHAT
from tools.experts.engines import CHAT_TASKS, ENGINES
from tools.experts.provider_tasks import ADAPTERS
from tools.experts.run import RUNNERS
from tools.tasks import TASKS

WITH_MODELS = [key for key, engine in ENGINES.items() if engine.tasks]
"""Engines that run models of the Hub and of the user's own."""
EMBEDDED = sorted({asset.engine for asset in ASSETS.values()} - RUNNERS.keys())
"""Engines of the embedded models that run in worker processes."""
EXPERTS = Path(str(find_spec("tools.experts").origin)).parent  # type: ignore[union-attr]


def engines_of(task: str) -> list[str]:
    """Return the engines that do a task on this machine."""
    embedded = [asset.engine for asset in ASSETS.values() if task in asset.tasks]
    chat = ["chat"] if task in CHAT_TASKS else []
    return [*(key for key in WITH_MODELS if task in ENGINES[key].tasks), *embedded, *chat]


@pytest.mark.parametrize("task", TASKS)
def test_every_row_has_an_engine_on_this_machine(task: str) -> None:
    assert engines_of(task)


@pytest.mark.parametrize("key", ENGINES)
def test_engines_do_tasks_that_there_are(key: str) -> None:
    assert set(ENGINES[key].tasks) <= TASKS.keys()
    assert len(set(ENGINES[key].tasks)) == len(ENGINES[key].tasks)


@pytest.mark.parametrize("key", ENGINES)
def test_every_engine_has_its_module(key: str) -> None:
    assert find_spec(ENGINES[key].module) is not None


@pytest.mark.parametrize("key", [*WITH_MODELS, *EMBEDDED])
def test_the_module_of_an_engine_runs_jobs(key: str) -> None:
    assert callable(import_module(ENGINES[key].module).run)


@pytest.mark.parametrize("key", WITH_MODELS)
def test_an_engine_does_the_tasks_of_its_row_and_no_others(key: str) -> None:
    assert set(import_module(ENGINES[key].module).TASKS) == set(ENGINES[key].tasks)


def test_chat_models_do_the_tasks_that_are_theirs() -> None:
    assert set(CHAT_TASKS) <= CHAT.keys() <= TASKS.keys()
    for task, (main, *_) in CHAT.items():
        # A page's text is read from its picture before a chat model is asked.
        assert TASKS[task].slot(main) or task == "document-question-answering"


@pytest.mark.parametrize(
    ("task", "key"), [(task, key) for task in TASKS for key in engines_of(task) if key not in RUNNERS]
)
def test_every_slot_that_must_be_filled_is_read_by_the_engine(task: str, key: str) -> None:
    read = {name for path in sources(ENGINES[key].module) for name in texts(path)}
    assert {slot.name for slot in TASKS[task].slots if slot.required} <= read


@pytest.mark.parametrize("path", sorted(EXPERTS.rglob("*.py")), ids=lambda path: path.stem)
def test_experts_read_slots_that_there_are(path: Path) -> None:
    slots = {slot.name for row in TASKS.values() for slot in row.slots}
    assert set(inputs_read(path)) <= slots


@pytest.mark.parametrize("task", ADAPTERS)
def test_providers_are_asked_for_rows_that_there_are(task: str) -> None:
    assert task in TASKS
    assert ADAPTERS[task]


def sources(module: str, seen: frozenset[str] = frozenset()) -> set[Path]:
    """Return the files of a module of the experts and of those that it imports."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or module in seen:
        return set()
    origin = Path(spec.origin)
    files = set(origin.parent.glob("*.py")) if origin.name == "__init__.py" else {origin}
    return files.union(
        *(sources(name, seen | {module}) for file in files for name in imported(file) if name != module)
    )


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of the experts that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tools.experts"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else str(node.module) for name in names)


def is_module(name: str) -> bool:
    parent = find_spec(name.rpartition(".")[0])
    return bool(parent and parent.submodule_search_locations and find_spec(name))


def texts(path: Path) -> Iterator[str]:
    """Yield the strings in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def inputs_read(path: Path) -> Iterator[str]:
    """Yield `name` for each `job.inputs["name"]` and `job.inputs.get("name")`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and is_inputs(node.value):
            found: ast.expr | None = node.slice
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_inputs(node.func.value)
        ):
            found = node.args[0] if node.func.attr == "get" else None
        else:
            continue
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            yield found.value


def is_inputs(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "inputs"
