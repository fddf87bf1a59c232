"""Videos from diffusion models, with tiny random models, and the files they are written to."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tiny_diffusion as tiny
from PIL import Image
from test_diffusion import make

from tools.errors import ModelError
from tools.experts.diffusion import calls
from tools.experts.video_files import write_video

av = pytest.importorskip("av", reason="the extra video is not installed")
pytest.importorskip("diffusers", reason="the extra diffusion is not installed")


@pytest.fixture(autouse=True)
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calls.LIMITS, "cpu", calls.Limits(steps=2, frames=9, pixels=64 * 64))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((50, 90)).convert("RGB").save(path)
    return str(path)


def opened(path: Path) -> tuple[list[Image.Image], Fraction, str]:
    """Return a video's frames, its frames per second and its pixel format."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = [frame.to_image() for frame in file.decode(stream)]
        return frames, stream.average_rate, stream.codec_context.pix_fmt


def test_frames_come_back(tmp_path: Path) -> None:
    colours = ["red", "green", "blue", "white"]
    write_video([Image.new("RGB", (33, 17), colour) for colour in colours], 12.5, tmp_path / "a.mp4")
    frames, rate, pixel_format = opened(tmp_path / "a.mp4")
    assert [frame.size for frame in frames] == [(32, 16)] * 4
    assert (rate, pixel_format) == (Fraction(25, 2), "yuv420p")
    for frame, colour in zip(frames, colours, strict=True):
        wanted = np.asarray(Image.new("RGB", (1, 1), colour))[0, 0].astype(int)
        assert np.abs(np.asarray(frame).mean(axis=(0, 1)) - wanted).max() < 25


def test_frames_of_floats(tmp_path: Path) -> None:
    write_video(np.full((3, 16, 16, 3), 1.2, np.float32), 8, tmp_path / "a.mp4")
    frames, _, _ = opened(tmp_path / "a.mp4")
    assert len(frames) == 3
    assert np.asarray(frames[0]).min() > 245


def test_no_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames"):
        write_video([], 8, tmp_path / "a.mp4")


def test_text_to_video(models: Path, tmp_path: Path) -> None:
    model = tiny.text_to_video(models / "film")
    one, same, other = (
        make("text-to-video", model, tmp_path / name, text=text)
        for name, text in (("a", "a cat"), ("b", "a cat"), ("c", "a dog"))
    )
    frames, rate, _ = opened(one.files[0])
    assert [frame.size for frame in frames] == [(64, 64)] * 9
    assert rate == 8
    assert one.text.startswith("Video of ")
    assert one.files[0].read_bytes() == same.files[0].read_bytes() != other.files[0].read_bytes()


def test_a_still_is_set_in_motion(models: Path, photo: str, tmp_path: Path) -> None:
    model = tiny.stable_video_diffusion(models / "svd")
    draft = make("image-to-video", model, tmp_path, image=photo)
    frames, rate, _ = opened(draft.files[0])
    # Three frames are the model's own number, seven a second the pipeline's.
    assert [frame.size for frame in frames] == [(64, 32)] * 3
    assert rate == 7
    with pytest.raises(ModelError, match="takes no 'prompt'"):
        make("text-to-video", model, tmp_path, text="a cat")


def test_one_model_for_text_and_stills(models: Path, photo: str, tmp_path: Path) -> None:
    model = tiny.ltx_video(models / "ltx")
    from_text = make("text-to-video", model, tmp_path / "a", text="cat")
    from_still = make("image-to-video", model, tmp_path / "b", text="cat", image=photo)
    for draft in (from_text, from_still):
        frames, rate, _ = opened(draft.files[0])
        assert len(frames) == 9
        assert rate == 25
    assert from_text.files[0].read_bytes() != from_still.files[0].read_bytes()


def test_models_for_pictures_make_no_videos(models: Path, photo: str, tmp_path: Path) -> None:
    model = tiny.stable_diffusion(models / "painter")
    with pytest.raises(ModelError, match="makes no frames"):
        make("text-to-video", model, tmp_path, text="a cat")
    with pytest.raises(ModelError, match="from text alone"):
        make("image-to-video", model, tmp_path, image=photo)


def test_models_for_videos_make_no_pictures(models: Path, tmp_path: Path) -> None:
    model = tiny.text_to_video(models / "film2")
    with pytest.raises(ModelError, match="makes no images"):
        make("text-to-image", model, tmp_path, text="a cat")
