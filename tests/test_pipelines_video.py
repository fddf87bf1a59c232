"""Video classification with tiny random models and films that the tests make."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tiny_models import rows, run, save

from tools.errors import InputError
from tools.experts.pipelines.video import frames

pytestmark = pytest.mark.filterwarnings("ignore")
LABELS = {0: "walking", 1: "dancing", 2: "cooking"}


def film(path: Path, number: int, size: tuple[int, int] = (64, 48)) -> str:
    """Write a film whose frames grow brighter from black to white."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = 2_000_000
        for grey in np.linspace(0, 255, number):
            picture = Image.new("RGB", size, (int(grey),) * 3)
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return str(path)


def brightness(pictures: list[Image.Image]) -> list[float]:
    return [float(np.asarray(picture).mean()) for picture in pictures]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_frames_are_spread_over_the_film(tmp_path: Path, suffix: str) -> None:
    found = frames(film(tmp_path / f"a{suffix}", 50), 5)
    assert [picture.size for picture in found] == [(64, 48)] * 5
    assert brightness(found) == pytest.approx(np.linspace(0, 255, 5).tolist(), abs=12)


def test_short_film_gives_frames_twice(tmp_path: Path) -> None:
    found = frames(film(tmp_path / "a.mp4", 2), 4)
    assert brightness(found) == pytest.approx([0, 0, 255, 255], abs=12)


@pytest.mark.parametrize("content", [b"", b"no film at all"])
def test_what_is_no_film(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"^a\.mp4 cannot be read as a video"):
        frames(str(tmp_path / "a.mp4"), 4)


def test_sound_is_no_film(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    with pytest.raises(InputError, match=r"^a\.wav cannot be read as a video"):
        frames(str(tmp_path / "a.wav"), 4)


def videomae() -> Any:
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    sizes = {"image_size": 32, "patch_size": 16, "hidden_size": 16, "intermediate_size": 16}
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "tubelet_size": 2, "num_frames": 4}
    return VideoMAEForVideoClassification(VideoMAEConfig(**sizes, **layers, id2label=LABELS))


def timesformer() -> Any:
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    sizes = {"image_size": 32, "patch_size": 16, "hidden_size": 16, "intermediate_size": 16}
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_frames": 4}
    return TimesformerForVideoClassification(TimesformerConfig(**sizes, **layers, id2label=LABELS))


@pytest.mark.parametrize("make", [videomae, timesformer])
def test_video_is_classified(tmp_path: Path, make: Any) -> None:
    from transformers import VideoMAEImageProcessorPil

    processor = VideoMAEImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    model = save(tmp_path / "model", make(), processor)
    draft = run("video-classification", model, tmp_path / "out", video=film(tmp_path / "a.mp4", 30))
    assert {one["label"] for one in rows(draft)} == set(LABELS.values())
    assert sum(one["score"] for one in rows(draft)) == pytest.approx(1, abs=1e-3)
    assert draft.text.startswith(f"{rows(draft)[0]['label']} {rows(draft)[0]['score']:.2f}")
