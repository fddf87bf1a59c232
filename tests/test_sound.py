"""Sound files: decoding, writing and drawing; no models."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tools.errors import InputError, ModelError
from tools.experts.sound import Samples, decoded, save, spectrogram

RATE = 16_000
SPEECH = sorted((Path(__file__).parent.parent.parent / "shared" / "media").glob("*.flac"))


def tone(hertz: float, seconds: float, rate: int = RATE) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def pitch(samples: Samples, rate: int) -> float:
    """Return the strongest frequency in hertz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_any_format_is_resampled_and_mixed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, np.stack([tone(440, 2, 44_100), np.zeros(88_200)], axis=1), 44_100)
    samples = decoded(str(path), RATE)
    assert samples.dtype == np.float32
    assert samples.shape == (pytest.approx(2 * RATE, abs=1500),)
    assert pitch(samples, RATE) == pytest.approx(440, abs=2)
    # One channel of two is silent: the mean is half as loud.
    assert np.abs(samples[RATE // 2 : RATE]).max() == pytest.approx(0.25, abs=0.03)


def test_sound_of_a_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(440, 1, 48_000)[None], format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert pitch(decoded(str(path), 8000), 8000) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_what_is_no_sound(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=r"^a\.wav .*sound"):
        decoded(str(tmp_path / "a.wav"), RATE)


def test_picture_is_no_sound(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"^a\.png .*sound"):
        decoded(str(tmp_path / "a.png"), RATE)


def test_cut_off_file_gives_what_is_there(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.mp3", tone(440, 4), RATE)
    data = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "part.mp3").write_bytes(data[: len(data) // 2] + b"\x00garbage" * 50)
    assert 1 < len(decoded(str(tmp_path / "part.mp3"), RATE)) / RATE < 3


@pytest.mark.skipif(not SPEECH, reason="no recordings beside this checkout")
def test_real_speech() -> None:
    for path in SPEECH:
        at, lower = decoded(str(path), RATE), decoded(str(path), 8000)
        assert len(at) == soundfile.info(path).frames
        assert len(lower) == pytest.approx(len(at) / 2, abs=100)
        assert np.array_equal(at, soundfile.read(path, dtype="float32")[0])


def test_loud_sound_is_not_clipped(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", np.stack([4 * tone(440, 1), tone(440, 1)]), RATE)
    sound, rate = soundfile.read(path)
    assert (rate, sound.shape) == (RATE, (RATE, 2))
    assert np.abs(sound).max(axis=0) == pytest.approx([1, 0.25], abs=1e-3)
    assert soundfile.info(path).subtype == "PCM_16"


def test_quiet_sound_stays_quiet(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", 0.02 * tone(440, 1), RATE)
    assert np.abs(soundfile.read(path)[0]).max() == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize("samples", [[], [float("nan"), 0.0], [float("inf")]])
def test_what_cannot_be_played(tmp_path: Path, samples: list[float]) -> None:
    with pytest.raises(ModelError, match="no sound"):
        save(tmp_path / "a.wav", samples, RATE)
    assert not (tmp_path / "a.wav").exists()


def test_tone_is_a_bright_line_at_its_height() -> None:
    picture = spectrogram(tone(2000, 3), RATE)
    assert picture.height == 512
    grey = np.asarray(picture.convert("L"), dtype=float)
    # 2000 Hz is a quarter of the way up from the bottom to 8000 Hz.
    assert grey.mean(axis=1).argmax() == pytest.approx(512 * 3 / 4, abs=2)
    assert grey.mean(axis=1).max() > 10 * np.median(grey)


@pytest.mark.parametrize(("seconds", "columns"), [(0.001, 1), (1, 59), (600, 1000)])
def test_width_of_a_spectrogram(seconds: float, columns: int) -> None:
    assert spectrogram(tone(440, seconds), RATE).width == pytest.approx(columns, abs=3)
