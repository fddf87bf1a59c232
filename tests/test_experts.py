"""Running tasks with experts: inputs from the store, files into it, nothing left behind; no real models here."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tools.artifacts import ArtifactStore, store
from tools.assets import ASSETS
from tools.errors import InputError, SetupError, TransientError
from tools.experts import workers
from tools.experts.chat import TASKS
from tools.experts.engine import Engine, Job
from tools.experts.engines import CHAT_TASKS, ENGINES, run_job
from tools.experts.files import picture
from tools.experts.labels import labels_of
from tools.experts.printed_text import lines
from tools.experts.run import _local, run
from tools.models import Model, Way

TOY = Model(id="toy/model", tasks=(), about="A toy.", source="registry", ways=(Way(engine="toy"),))


@pytest.fixture(autouse=True)
def _toy_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add a toy engine, which runs in a real worker, and watch where job folders are made."""
    monkeypatch.setitem(ENGINES, "toy", Engine(module="toy_engine", requires="json", extra="embedded"))
    (tmp_path / "jobs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "jobs"))
    yield
    workers.shutdown()


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return store().put(path).ref


def jobs_left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "jobs").glob("hugginggpt-*"))


async def test_files_come_from_the_store_and_go_there(image: str, tmp_path: Path) -> None:
    output = await run("image-to-image", TOY, {"image": image}, store=store())
    assert (output.text, output.data) == ("copied", {"task": "image-to-image"})
    assert output.files[0].name == "copy.png"
    assert store().path(output.files[0].ref).read_bytes() == store().path(image).read_bytes()
    assert jobs_left(tmp_path) == []


async def test_nothing_is_left_behind_on_failure(image: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="will not do"):
        await run("depth-estimation", TOY, {"image": image}, store=store())
    assert jobs_left(tmp_path) == []


async def test_nothing_is_left_behind_on_time_limit_and_cancel(image: str, tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="toy/model did not finish"):
        await run("image-classification", TOY, {"image": image}, store=store(), timeout=0.5)
    task = asyncio.create_task(run("image-classification", TOY, {"image": image}, store=store()))
    await asyncio.sleep(0.5)
    assert len(jobs_left(tmp_path)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert jobs_left(tmp_path) == []


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "http://example.org/a.png", "artifact://" + "0" * 64 + ".png"]
)
async def test_media_slots_take_stored_files_only(value: str) -> None:
    with pytest.raises(InputError, match="artifact"):
        await run("image-to-image", TOY, {"image": value}, store=store())


async def test_missing_slot() -> None:
    with pytest.raises(InputError, match="needs its slot 'image'"):
        await run("image-to-image", TOY, {}, store=ArtifactStore(str(store().root)))


def test_missing_library_names_the_extra(tmp_path: Path) -> None:
    engine = Engine(module="toy_engine", requires="no_such_library", extra="embedded")
    with pytest.raises(SetupError, match=r'no_such_library.*pip install "hugginggpt\[embedded\]"'):
        run_job(engine, Job(task="t", model=None, inputs={}, out=tmp_path))


def test_every_engine_of_the_manifest_is_in_the_table() -> None:
    assert {asset.engine for asset in ASSETS.values()} <= ENGINES.keys()
    assert set(CHAT_TASKS) <= TASKS.keys()


@pytest.mark.parametrize(
    ("text", "labels"), [("a, b", ["a", "b"]), ("a;b\n c,,a", ["a", "b", "c"]), ("one label", ["one label"])]
)
def test_labels(text: str, labels: list[str]) -> None:
    assert labels_of(text) == labels


def test_no_labels() -> None:
    with pytest.raises(InputError, match="no labels"):
        labels_of(" ,; ")


def part(text: str, x: int, y: int) -> dict[str, object]:
    return {"text": text, "box": [[x, y], [x + 40, y], [x + 40, y + 20], [x, y + 20]]}


def test_lines_are_in_reading_order() -> None:
    parts = [part("142.80", 300, 103), part("Total", 10, 100), part("Invoice", 10, 10), part("due", 100, 98)]
    assert [[str(p["text"]) for p in row] for row in lines(parts)] == [
        ["Invoice"],
        ["Total", "due", "142.80"],
    ]


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"^a\.png cannot be read as a picture"):
        picture(str(tmp_path / "a.png"))


def test_what_to_write_joins_the_text_it_is_about() -> None:
    inputs = {"text": "The sea is blue.", "instruction": "Write a poem about it"}
    assert _local("text-generation", inputs, store()) == {
        "text": "Write a poem about it:\n\nThe sea is blue."
    }
    assert _local("text-generation", {"text": "Go on"}, store()) == {"text": "Go on"}
