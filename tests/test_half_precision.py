"""Every kind of expert in the number format that it has on a GPU, computed on the CPU."""

from pathlib import Path

import pytest
from device_cases import CASES, assert_alike, built, do, little_work, media, same_noise

from tools.experts import devices

pytestmark = pytest.mark.filterwarnings("ignore")
HALF = "cpu:0"
"""The CPU by another name: models are kept apart by their device's."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media(tmp_path_factory.mktemp("media"))


@pytest.mark.parametrize("name", CASES)
def test_half_precision_makes_little_difference(
    name: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little_work(monkeypatch)
    case = CASES[name]
    folders = built(case, tmp_path)
    exact = do(case, folders, files, tmp_path / "exact", "cpu")
    monkeypatch.setitem(devices.HALF, "cpu", "bfloat16")
    near = case.near if case.engine != "diffusers" or same_noise() else None
    assert_alike(exact, do(case, folders, files, tmp_path / "half", HALF), near)
