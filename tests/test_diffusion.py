"""Pictures from diffusion models, through the production path with tiny random models."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_diffusion as tiny
from PIL import Image

from tools.errors import InputError, ModelError, SetupError
from tools.experts import workers
from tools.experts.diffusion import TASKS, calls
from tools.experts.diffusion.loading import load, variant
from tools.experts.engine import Job
from tools.experts.engines import DIFFUSED, ENGINES, run_job
from tools.outputs import Draft

pytest.importorskip("diffusers", reason="the extra diffusion is not installed")


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calls.LIMITS, "cpu", calls.Limits(steps=2, frames=5, pixels=64 * 64))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("models")
    load.cache_clear()


@pytest.fixture(scope="module")
def painter(models: Path) -> Path:
    return tiny.stable_diffusion(models / "painter")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((90, 50)).convert("RGB").save(path)
    return str(path)


def make(task: str, model: Path, out: Path, base: Path | None = None, **inputs: str) -> Draft:
    out.mkdir(exist_ok=True)
    job = Job(task=task, model=model, base=base, inputs=inputs, out=out, device="cpu")
    return run_job(ENGINES["diffusers"], job)


def pixels(draft: Draft) -> bytes:
    (path,) = draft.files
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


def test_every_task_of_the_engine_has_a_function() -> None:
    assert TASKS.keys() == set(DIFFUSED)


def test_the_same_description_makes_the_same_picture(painter: Path, tmp_path: Path) -> None:
    one, same = (make("text-to-image", painter, tmp_path / name, text="a cat") for name in "ab")
    other = make("text-to-image", painter, tmp_path / "c", text="a dog")
    assert one.text == "A picture of 64 x 64 pixels."
    assert Image.open(one.files[0]).size == (64, 64)
    assert pixels(one) == pixels(same)
    assert pixels(one) != pixels(other)


def test_the_description_counts_beside_the_noise(
    painter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "seed", lambda job: 1)
    cat, dog = (make("text-to-image", painter, tmp_path / text, text=text) for text in ("cat", "dog"))
    assert pixels(cat) != pixels(dog)


async def test_a_picture_from_a_worker_process(painter: Path, tmp_path: Path) -> None:
    job = Job(task="text-to-image", model=painter, inputs={"text": "a cat"}, out=tmp_path, device="cpu")
    try:
        draft = await workers.call("tiny/painter", run_job, ENGINES["diffusers"], job, timeout=120)
    finally:
        workers.shutdown()
    assert Image.open(draft.files[0]).size == (64, 64)


def test_stable_diffusion_xl(models: Path, tmp_path: Path) -> None:
    model = tiny.stable_diffusion_xl(models / "xl")
    draft = make("text-to-image", model, tmp_path, text="a cat")
    assert Image.open(draft.files[0]).size == (32, 32)


def test_the_noise_depends_on_what_the_inputs_hold(photo: str, tmp_path: Path) -> None:
    def seed(path: str, instruction: str) -> int:
        inputs = {"image": path, "instruction": instruction}
        return calls.seed(Job(task="image-to-image", model=None, inputs=inputs, out=tmp_path))

    copy = shutil.copy(photo, tmp_path / "copy.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    first = seed(photo, "a cat")
    assert first == seed(str(copy), "a cat")
    assert len({first, seed(photo, "a dog"), seed(str(tmp_path / "other.png"), "a cat")}) == 3


def test_no_description(painter: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text is empty"):
        make("text-to-image", painter, tmp_path, text=" ")


def test_any_painter_edits_a_picture_by_a_description(painter: Path, photo: str, tmp_path: Path) -> None:
    draft = make("image-to-image", painter, tmp_path, image=photo, instruction="a blue sky")
    assert Image.open(draft.files[0]).size == (88, 48)
    with Image.open(photo) as image:
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(photo)
    other = make("image-to-image", painter, tmp_path / "b", image=photo, instruction="a blue sky")
    assert pixels(draft) != pixels(other)


def test_large_pictures_are_scaled_to_what_the_model_makes(painter: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (400, 100), "green").save(path)
    draft = make("image-to-image", painter, tmp_path / "out", image=str(path), instruction="a forest")
    assert Image.open(draft.files[0]).size == (128, 32)


def test_a_model_for_instructions(models: Path, photo: str, tmp_path: Path) -> None:
    model = tiny.instruct_pix2pix(models / "editor")
    draft = make("image-to-image", model, tmp_path, image=photo, instruction="make it night")
    assert Image.open(draft.files[0]).size == (88, 48)
    with pytest.raises(ModelError, match="does not make them from a text"):
        make("text-to-image", model, tmp_path, text="a cat")


@pytest.mark.parametrize("build", [tiny.upscaler, tiny.latent_diffusion_upscaler])
def test_enhancement_enlarges(build: "tiny.Build", models: Path, photo: str, tmp_path: Path) -> None:
    model = build(models / build.__name__)
    with Image.open(photo) as image:
        image.resize((32, 64)).save(photo)
    draft = make("image-to-image", model, tmp_path, image=photo)
    assert Image.open(draft.files[0]).size == (128, 256)
    with pytest.raises(ModelError, match="enlarges only"):
        make("image-to-image", model, tmp_path, image=photo, instruction="make it night")
    with Image.open(photo) as image:
        image.resize((800, 600)).save(photo)
    with pytest.raises(ModelError, match="at most 262144 pixels"):
        make("image-to-image", model, tmp_path, image=photo)


def test_a_painter_does_not_enhance(painter: Path, photo: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="edits by an instruction only"):
        make("image-to-image", painter, tmp_path, image=photo)


def test_a_picture_held_back_is_an_error_and_not_black(models: Path, tmp_path: Path) -> None:
    model = tiny.prudish(models / "prudish")
    with pytest.raises(ModelError, match="safety checker"):
        make("text-to-image", model, tmp_path, text="a cat")
    assert list(tmp_path.glob("*.png")) == []


def edited(painter: Path, folder: Path, **entries: object) -> Path:
    shutil.copytree(painter, folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, **entries}))
    return folder


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({"unet": ["os", "system"]}, "code that is not of diffusers or transformers: os"),
        ({"unet": ["diffusers_modules.local.unet", "UNet"]}, "diffusers_modules"),
        ({"_class_name": ["pipeline", "MyPipeline"]}, "no pipeline of the diffusers"),
        ({"_class_name": "AutoencoderKL"}, "no pipeline of the diffusers"),
    ],
)
def test_foreign_code_is_refused(painter: Path, tmp_path: Path, entries: dict[str, object], why: str) -> None:
    folder = edited(painter, tmp_path / "edited", **entries)
    (folder / "pipeline.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError, match=why):
        make("text-to-image", folder, tmp_path, text="a cat")


def test_code_in_a_parts_folder_is_not_run(painter: Path, tmp_path: Path) -> None:
    folder = edited(painter, tmp_path / "edited")
    (folder / "unet" / "diffusers.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ValueError, match="trust_remote_code"):
        make("text-to-image", folder, tmp_path, text="a cat")


def test_pickled_weights_are_refused(painter: Path, tmp_path: Path) -> None:
    folder = edited(painter, tmp_path / "edited")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(OSError, match="safetensors"):
        make("text-to-image", folder, tmp_path, text="a cat")


def test_weights_in_half_precision_only(painter: Path, tmp_path: Path) -> None:
    folder = edited(painter, tmp_path / "edited")
    assert variant(folder) is None
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".fp16.safetensors"))
    draft = make("text-to-image", folder, tmp_path, text="a cat")
    assert pixels(draft) == pixels(make("text-to-image", painter, tmp_path / "b", text="a cat"))


def test_a_folder_without_a_pipeline(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no diffusion pipeline"):
        make("text-to-image", tmp_path, tmp_path, text="a cat")


def test_an_adapter_needs_its_base(tmp_path: Path) -> None:
    (tmp_path / "pytorch_lora_weights.safetensors").touch()
    with pytest.raises(SetupError, match="as its base"):
        make("text-to-image", tmp_path, tmp_path, text="a cat")


def test_an_adapter_changes_the_picture(painter: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="peft, which LoRAs need, is not installed")
    adapter = tiny.lora(tmp_path / "lora")
    plain = make("text-to-image", painter, tmp_path / "a", text="a cat")
    adapted = make("text-to-image", adapter, tmp_path / "b", painter, text="a cat")
    again = make("text-to-image", painter, tmp_path / "c", text="a cat")
    assert pixels(plain) == pixels(again) != pixels(adapted)
