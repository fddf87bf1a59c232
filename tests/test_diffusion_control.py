"""Pictures that follow a condition image, with tiny random ControlNets."""

from pathlib import Path

import pytest
import tiny_diffusion as tiny
from PIL import Image, ImageOps
from test_diffusion import make, pixels

from tools.errors import ModelError, SetupError
from tools.experts.diffusion import calls
from tools.experts.engines import GUIDED

pytest.importorskip("diffusers", reason="the extra diffusion is not installed")


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calls.LIMITS, "cpu", calls.Limits(steps=2, frames=5, pixels=64 * 64))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def base(models: Path) -> Path:
    return tiny.stable_diffusion(models / "base")


@pytest.fixture(scope="module")
def network(models: Path) -> Path:
    return tiny.controlnet(models / "network")


@pytest.fixture
def condition(tmp_path: Path) -> str:
    path = tmp_path / "condition.png"
    Image.linear_gradient("L").resize((100, 52)).save(path)
    return str(path)


@pytest.mark.parametrize("kind", GUIDED)
def test_all_kinds(kind: str, network: Path, base: Path, condition: str, tmp_path: Path) -> None:
    draft = make(f"{kind}-text-to-image", network, tmp_path, base, text="a cat", image=condition)
    assert Image.open(draft.files[0]).size == (88, 48)
    assert draft.text == "A picture of 88 x 48 pixels."


def test_the_condition_guides(
    network: Path, base: Path, condition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "seed", lambda job: 1)
    other = tmp_path / "other.png"
    with Image.open(condition) as image:
        ImageOps.flip(image).save(other)
    first, second, again = (
        make("canny-text-to-image", network, tmp_path / name, base, text="a cat", image=path)
        for name, path in (("a", condition), ("b", str(other)), ("c", condition))
    )
    assert pixels(first) == pixels(again)
    assert pixels(first) != pixels(second)


def test_stable_diffusion_xl(models: Path, condition: str, tmp_path: Path) -> None:
    base, network = tiny.stable_diffusion_xl(models / "xl"), tiny.controlnet(models / "xl-net", **tiny.XL)
    draft = make("depth-text-to-image", network, tmp_path, base, text="a cat", image=condition)
    assert Image.open(draft.files[0]).size == (48, 24)


def test_no_base(network: Path, condition: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="as its base"):
        make("canny-text-to-image", network, tmp_path, text="a cat", image=condition)


def test_a_base_of_another_kind(models: Path, base: Path, condition: str, tmp_path: Path) -> None:
    network = tiny.controlnet(models / "other", cross_attention_dim=2 * tiny.WIDTH)
    with pytest.raises(ModelError, match="another kind of model than base"):
        make("canny-text-to-image", network, tmp_path, base, text="a cat", image=condition)


def test_no_controlnet(base: Path, condition: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no ControlNet but UNet2DConditionModel"):
        make("canny-text-to-image", base / "unet", tmp_path, base, text="a cat", image=condition)
