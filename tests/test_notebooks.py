"""The notebooks run from top to bottom, and show what they say they show."""

import base64
import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image
from traitlets.config import Config

from tools.models.registry import entries
from tools.settings import settings

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 300


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_committed(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []


class Shown:
    """What the cells of a notebook showed.

    Args:
        notebook: The notebook, executed.
    """

    def __init__(self, notebook: Any) -> None:
        self.outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]

    def data(self, mime: str) -> list[str]:
        return [output.data[mime] for output in self.outputs if mime in output.get("data", {})]

    @property
    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(base64.b64decode(png))) for png in self.data("image/png")]

    @property
    def players(self) -> list[str]:
        """Audio players with their sound in them."""
        return [html for html in self.data("text/html") if re.search(r"<audio.*data:audio/", html, re.S)]

    @property
    def text(self) -> str:
        printed = (output.text for output in self.outputs if output.output_type == "stream")
        return "\n".join((*printed, *self.data("text/plain"), *self.data("text/markdown")))


@pytest.fixture
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """Execute a notebook in a kernel of its own, which sees the folders of this test only."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", runtime)
        # Unix sockets: a free port may be taken by another program before the kernel listens there.
        config = Config(KernelManager={"transport": "ipc", "ip": f"{runtime}/kernel"})
        notebook = nbformat.read(ROOT / "notebooks" / f"{request.param}.ipynb", as_version=4)
        place = {"metadata": {"path": str(ROOT / "notebooks")}}
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources=place, config=config
        )
        yield Shown(client.execute())


def executed(name: str) -> pytest.MarkDecorator:
    """Mark a test of what one notebook shows."""
    return pytest.mark.parametrize("shown", [pytest.param(name, marks=pytest.mark.embedded)], indirect=True)


@executed("quickstart")
def test_quickstart(shown: Shown) -> None:
    page, edges = shown.pictures
    assert page.size == edges.size == (1000, 1300)
    assert edges.convert("L").getextrema() == (0, 255)
    assert len(shown.players) == 2, "the answer read aloud, and the recording"
    assert "3,471.60" in shown.text
    assert "Maria Jensen (PERSON)" in shown.data("text/markdown")[-1]
    for task in ("document-question-answering", "text-to-speech", "canny-control", "token-classification"):
        assert any(task in plan for plan in shown.data("text/html"))


@executed("anatomy")
def test_anatomy(shown: Shown) -> None:
    assert "select -.-> execute" in shown.data("text/markdown")[0]
    assert re.search(r"1  knows messages, plan\b.* - next select", shown.text)
    canny, soft = shown.pictures[:2]
    assert canny.tobytes() != soft.tobytes()
    assert "hed-control by opencv/soft-edges" in shown.text
    assert "`plan.tasks.0` is not valid: task 0: hed-control needs its slot 'image' filled." in shown.text
    started, stopped, resumed = (text for text in shown.data("text/plain") if text.startswith("["))
    assert "0 image-to-text: running" in started
    assert stopped.count("was cut off") == 2
    assert "image-to-text" not in resumed
    assert "2 text-to-speech: done" in resumed
    assert "Harbour Machine Works Ltd (ORG)" in shown.text, "made again of the corrected text"
    assert len(shown.players) == 1


@executed("own_task")
def test_own_task(shown: Shown) -> None:
    sunset, palette = shown.pictures
    assert sunset.size == (480, 320)
    assert len(palette.convert("RGB").getcolors() or []) == 5
    assert "#123a5a" in shown.text, "the sea"
    assert "- palette(image: image) -> image: Finds the dominant colours" in shown.text
    assert re.search(r"image-to-text.*translation.*palette", shown.data("text/html")[-1], re.S)
    label, score = re.findall(r"tickets \[\{'label': '(\w+)', 'score': ([\d.]+)", shown.text)[0]
    assert label == "billing"
    assert float(score) > 0.8
    assert settings().models_file.exists()
    assert entries() == (), "nothing is left in the registry"


@executed("planning_benchmark")
def test_planning_benchmark(shown: Shown) -> None:
    types, planners = shown.data("text/markdown")
    (overall,) = re.findall(r"\| all \| ([\d.]+) \| ([\d.]+) \|", types)
    assert float(overall[0]) > 85
    assert float(overall[1]) > 65
    assert "| gpt-4 | 81.54 | 54.7 |" in planners
    assert f"**{overall[0]}**" in planners
    assert re.search(r"^  - ", shown.text, re.M), "something that was missed"
