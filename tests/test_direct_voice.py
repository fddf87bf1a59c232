"""Voice conversion with a tiny SpeechT5 on disk, through the engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import InputError, ModelError
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

pytest.importorskip("av")
RATE = 16000


def config() -> Any:
    from transformers import SpeechT5Config

    return SpeechT5Config(
        hidden_size=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        conv_dim=[8] * 7,
        num_mel_bins=8,
        speech_decoder_prenet_units=8,
        speech_decoder_postnet_units=8,
        speaker_embedding_dim=4,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        initializer_range=0.5,
    )


def speaker(folder: Path) -> Path:
    from transformers import SpeechT5FeatureExtractor, SpeechT5ForSpeechToSpeech

    made = SpeechT5ForSpeechToSpeech(config())
    made.speech_decoder_postnet.prob_out.bias.data.fill_(-9)  # it goes on speaking until its longest length
    made.save_pretrained(folder)
    SpeechT5FeatureExtractor(num_mel_bins=8).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speaker(tmp_path_factory.mktemp("voice"))


def hifigan(folder: Path) -> Path:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    sizes: dict[str, Any] = {"upsample_rates": [4, 4], "upsample_kernel_sizes": [8, 8]}
    inner: dict[str, Any] = {"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1]]}
    made = SpeechT5HifiGanConfig(
        model_in_dim=8, upsample_initial_channel=8, initializer_range=0.3, **sizes, **inner
    )
    SpeechT5HifiGan(made).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vocoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hifigan(tmp_path_factory.mktemp("vocoder"))


@pytest.fixture
def recording(tmp_path: Path) -> str:
    import soundfile

    time = np.arange(int(0.4 * 22050)) / 22050
    soundfile.write(tmp_path / "tone.flac", 0.5 * np.sin(2 * np.pi * 220 * time), 22050)
    return str(tmp_path / "tone.flac")


def convert(model: Path, base: Path | None, audio: str, out: Path) -> Draft:
    out.mkdir(exist_ok=True)
    job = Job(task="audio-to-audio", model=model, base=base, inputs={"audio": audio}, out=out)
    return run_job(ENGINES["transformers"], job)


def test_a_recording_is_said_again(model: Path, vocoder: Path, recording: str, tmp_path: Path) -> None:
    import soundfile

    draft = convert(model, vocoder, recording, tmp_path / "a")
    sound, rate = soundfile.read(draft.files[0])
    assert rate == RATE
    assert sound.ndim == 1
    assert np.abs(sound).max() > 0.01
    assert draft.text == f"The recording in another voice, {len(sound) / rate:.1f} seconds."
    again = convert(model, vocoder, recording, tmp_path / "b")
    assert again.files[0].read_bytes() == draft.files[0].read_bytes()


def test_long_recordings_are_converted_in_pieces(
    model: Path, vocoder: Path, recording: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soundfile
    from transformers import SpeechT5ForSpeechToSpeech

    lengths: list[int] = []
    generate = SpeechT5ForSpeechToSpeech.generate_speech

    def noted(self: Any, sound: Any, *rest: Any, **options: Any) -> Any:
        lengths.append(sound.shape[1])
        return generate(self, sound[:, :4000], *rest, **options)

    monkeypatch.setattr(SpeechT5ForSpeechToSpeech, "generate_speech", noted)
    soundfile.write(tmp_path / "long.wav", np.zeros(int(60.001 * RATE)), RATE)
    convert(model, vocoder, str(tmp_path / "long.wav"), tmp_path / "a")
    assert sum(lengths) == pytest.approx(60.001 * RATE, abs=10)
    assert max(lengths) <= 30 * RATE
    assert min(lengths) > 15 * RATE


def test_what_is_missing_is_said(model: Path, vocoder: Path, recording: str, tmp_path: Path) -> None:
    import soundfile

    with pytest.raises(ModelError, match="needs a vocoder, such as"):
        convert(model, None, recording, tmp_path / "a")
    with pytest.raises(ModelError, match="does not turn recordings"):
        convert(vocoder, vocoder, recording, tmp_path / "a")
    with pytest.raises(ModelError, match=r"was not trained for this|cannot be loaded"):
        convert(model, model, recording, tmp_path / "a")
    soundfile.write(tmp_path / "click.wav", np.zeros(100), RATE)
    with pytest.raises(InputError, match="shorter than"):
        convert(model, vocoder, str(tmp_path / "click.wav"), tmp_path / "a")
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"bad\.wav cannot be read as sound"):
        convert(model, vocoder, str(tmp_path / "bad.wav"), tmp_path / "a")
