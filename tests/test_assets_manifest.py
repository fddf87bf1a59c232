"""The manifest says what is true of the embedded models."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from assets_server import manifest

from tools.asset_manifest import load
from tools.assets import ASSETS, is_cached, resolve
from tools.download import digest

PINS = Path(__file__).parents[2] / "shared" / "embedded-wheels.txt"
ENGINES = {"faster-whisper", "piper", "spacy", "rapidocr", "u2net", "minilm", "llama", "document"}


@pytest.mark.skipif(not PINS.exists(), reason="the list of pins is not beside this checkout")
def test_the_wheels_are_those_of_the_list_of_pins() -> None:
    listed = re.findall(r"^(\S+)==(\S+) --hash=sha256:(\w{64})$", PINS.read_text(), re.M)
    wheels = {wheel for asset in ASSETS.values() for file in asset.files for wheel, _ in file.members}
    assert sorted((wheel.name, wheel.version, wheel.sha256) for wheel in wheels) == sorted(listed)


def test_every_task_of_an_asset_has_a_row() -> None:
    from tools.tasks import TASKS

    assert {task for asset in ASSETS.values() for task in asset.tasks} <= set(TASKS)


def test_every_embedded_task_has_one_asset() -> None:
    tasks = [task for asset in ASSETS.values() for task in asset.tasks]
    assert len(tasks) == len(set(tasks)) == 15
    assert {asset.engine for asset in ASSETS.values()} == ENGINES


def test_weights_are_pinned_from_any_source_and_text_only_from_wheels() -> None:
    minilm, spacy = ASSETS["minilm"], ASSETS["spacy-en"]
    assert [file.path for file in minilm.files if minilm.pinned(file)] == ["model.safetensors"]
    assert all(spacy.pinned(file) for file in spacy.files)
    assert ASSETS["piper-joe"].hub_path(ASSETS["piper-joe"].files[0]).startswith("en/en_US/joe/medium/en_US")


def test_a_model_that_its_library_carries_has_no_folder() -> None:
    assert resolve("rapidocr") is None
    assert is_cached("rapidocr")


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path / "assets.toml")
    path.write_text(path.read_text().replace("sub/config.json", "../config.json"))
    with pytest.raises(ValueError, match="leaves the model's folder"):
        load(path)


def test_reading_the_manifest_imports_no_engine() -> None:
    code = "import sys, tools.assets; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "huggingface_hub", "spacy"} & set(loaded)


@pytest.mark.embedded
@pytest.mark.parametrize("name", ASSETS)
def test_the_real_files_are_the_pinned_ones(name: str) -> None:
    folder = resolve(name)
    assert is_cached(name)
    for file in ASSETS[name].files:
        assert folder is not None
        if ASSETS[name].pinned(file):
            assert digest(folder / file.path) == file.sha256
