"""The pages that are written from the tables say what the tables say."""

import pytest

from app.docs import PAGE, README, page, readme
from app.drawing import LABELS
from graph.agent import graph
from tools.assets import ASSETS
from tools.experts.engines import CHAT_TASKS, ENGINES
from tools.experts.provider_tasks import ADAPTERS
from tools.tasks import TASKS


def test_the_page_of_tasks_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m app.docs"


def test_the_drawing_of_the_graph_is_up_to_date() -> None:
    drawn = README.read_text("utf-8")
    assert drawn == readme(), "run: python -m app.docs"
    edges = {(edge.source, edge.target): edge.conditional for edge in graph.get_graph().edges}
    for (source, target), conditional in edges.items():
        label = f"|{LABELS[source, target]}|" if (source, target) in LABELS else ""
        assert f"    {source} {'-.->' if conditional else '-->'}{label} {target}\n" in drawn
    assert {edge for edge in LABELS if not edges.get(edge)} == set()


ROWS = {
    cells[0]: cells[1:]
    for line in page().splitlines()
    if (cells := line.strip("| ").split(" | ")) and cells[0]
}


@pytest.mark.parametrize("task", TASKS)
def test_a_row_says_what_can_run_a_task(task: str) -> None:
    inputs, makes, engines, methods, _ = ROWS[task]
    assert [name.strip("*").partition(" ")[0] for name in inputs.split(", ")] == [
        slot.name for slot in TASKS[task].slots
    ]
    assert makes == ", ".join(TASKS[task].makes)
    expected = {key for key, engine in ENGINES.items() if task in engine.tasks}
    expected |= {asset.engine for asset in ASSETS.values() if task in asset.tasks}
    expected |= {"chat"} if task in CHAT_TASKS else set()
    assert {part.partition(" (")[0] for part in engines.split(", ")} == expected
    assert set(methods.replace("`", "").split(", ")) == {one.method for one in ADAPTERS.get(task, ())} or (
        methods == "-" and task not in ADAPTERS
    )


@pytest.mark.parametrize(
    ("task", "cells"),
    [
        ("image-to-image", ("image, *instruction*", "`diffusion` for diffusers")),
        ("document-question-answering", ("document (document-reader), pipeline", "`embedded` for document")),
        ("fill-mask", ("pipeline", "-")),
        ("canny-text-to-image", ("image, text", "diffusers", "-")),
        (
            "zero-shot-classification",
            ("chat", "text, labels", "minilm (sentence-transformers/all-MiniLM-L6-v2)"),
        ),
    ],
)
def test_cells(task: str, cells: tuple[str, ...]) -> None:
    for cell in cells:
        assert any(cell in found for found in ROWS[task])


def test_every_engine_is_listed() -> None:
    assert ENGINES.keys() <= ROWS.keys()
    assert ROWS["skops"] == ["skops", "`tabular`", "sklearn"]
    assert ROWS["pipeline"][1] == "-", "transformers is always installed"
