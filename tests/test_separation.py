"""SpeechBrain: tiny random models take recordings apart and clean them, where it can be loaded."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.errors import InputError, ModelError, SetupError
from tools.experts import separation, sound, workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.hyperparams import Hyperparams
from tools.outputs import Draft

SEPFORMER = """
sample_rate: 8000
num_spks: 2
save_folder: !ref <output_folder>/save
EPS: 1e-8
Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
  kernel_size: 16
  out_channels: 16
SBtfintra: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: 1
  d_model: 16
  nhead: 2
  d_ffn: 32
  dropout: 0
  use_positional_encoding: True
  norm_before: True
SBtfinter: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: 1
  d_model: 16
  nhead: 2
  d_ffn: 32
  dropout: 0
  use_positional_encoding: True
  norm_before: True
MaskNet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
  num_spks: !ref <num_spks>
  in_channels: 16
  out_channels: 16
  num_layers: 1
  K: 20
  intra_model: !ref <SBtfintra>
  inter_model: !ref <SBtfinter>
  norm: ln
  linear_layer_after_inter_intra: False
  skip_around_intra: True
Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
  in_channels: 16
  out_channels: 1
  kernel_size: 16
  stride: 8
  bias: False
modules:
  encoder: !ref <Encoder>
  decoder: !ref <Decoder>
  masknet: !ref <MaskNet>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <Encoder>
    decoder: !ref <Decoder>
    masknet: !ref <MaskNet>
"""
METRICGAN = """
sample_rate: 16000
n_fft: 512
win_length: 32
hop_length: 16
enhance_model: !new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator
modules:
  enhance_model: !ref <enhance_model>
compute_stft: !new:speechbrain.processing.features.STFT
  sample_rate: !ref <sample_rate>
  win_length: !ref <win_length>
  hop_length: !ref <hop_length>
  n_fft: !ref <n_fft>
  window_fn: !name:torch.hamming_window
compute_istft: !new:speechbrain.processing.features.ISTFT
  sample_rate: !ref <sample_rate>
  n_fft: !ref <n_fft>
  win_length: !ref <win_length>
  hop_length: !ref <hop_length>
  window_fn: !name:torch.hamming_window
spectral_magnitude: !name:speechbrain.processing.features.spectral_magnitude
  power: 0.5
resynth: !name:speechbrain.processing.signal_processing.resynthesize
  stft: !ref <compute_stft>
  istft: !ref <compute_istft>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    enhance_model: !ref <enhance_model>
"""
RESNET = """
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
  channel_counts: [4]
  dense_nodes: 8
  activation: !new:torch.nn.GELU
  normalization: !name:speechbrain.nnet.normalization.BatchNorm2d
modules:
  enhance_model: !ref <enhance_model>
"""


def params(folder: Path, text: str) -> Hyperparams:
    (folder / "hyperparams.yaml").write_text(text)
    return Hyperparams(folder / "hyperparams.yaml")


def test_a_torchaudio_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "speechbrain").mkdir()
    (tmp_path / "speechbrain" / "__init__.py").write_text("raise OSError('Could not load _torchaudio.so')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "speechbrain"]:
        monkeypatch.delitem(sys.modules, name)
    params(tmp_path, "a: 1")
    with pytest.raises(SetupError, match=r"_torchaudio\.so; install the build of torchaudio"):
        run_job(ENGINES["speechbrain"], job(tmp_path, tmp_path))


@pytest.fixture(scope="module")
def _speechbrain() -> None:
    try:
        import speechbrain.inference  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"SpeechBrain cannot be loaded: {error}")


@pytest.fixture(autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


def saved(folder: Path, text: str) -> Path:
    """Save a model with random weights as on the Hub."""
    import torch

    folder.mkdir()
    torch.manual_seed(0)
    for name, part in params(folder, text).loadables().items():
        torch.save(part.state_dict(), folder / f"{name}.ckpt")
    return folder


def job(tmp_path: Path, model: Path, seconds: float = 1.0, rate: int = 22_050) -> Job:
    time = np.arange(int(seconds * rate)) / rate
    recording = sound.save(tmp_path / "in.wav", 0.5 * np.sin(2 * np.pi * 440 * time), rate)
    (tmp_path / "out").mkdir(exist_ok=True)
    return Job(
        task="audio-to-audio",
        model=model,
        inputs={"audio": str(recording)},
        out=tmp_path / "out",
        device="cpu",
    )


def played(draft: Draft) -> list[tuple[int, int, float]]:
    """Return frames, sampling rate and peak of each recording."""
    import soundfile

    found = [soundfile.read(path) for path in draft.files if path.suffix == ".wav"]
    return [(len(samples), rate, float(np.abs(samples).max())) for samples, rate in found]


@pytest.mark.usefixtures("_speechbrain")
async def test_voices_are_told_apart_in_a_worker(tmp_path: Path) -> None:
    asked = job(tmp_path, saved(tmp_path / "model", SEPFORMER))
    draft = await workers.call("a/sepformer", run_job, ENGINES["speechbrain"], asked)
    assert draft.data == ["source 1", "source 2"]
    assert draft.text == "2 recording(s): source 1, source 2."
    assert [path.name for path in draft.files] == [
        "audio-1.wav", "audio-2.wav", "spectrogram-1.png", "spectrogram-2.png",
    ]  # fmt: skip
    for frames, rate, peak in played(draft):
        assert (frames, rate) == (8000, 8000)
        assert peak == pytest.approx(1, abs=0.01)
    with Image.open(draft.files[2]) as picture:
        assert picture.height > 100


@pytest.mark.usefixtures("_speechbrain")
def test_separated_sound_is_that_of_the_library(tmp_path: Path) -> None:
    import torch
    from speechbrain.inference.separation import SepformerSeparation

    folder = saved(tmp_path / "model", SEPFORMER)
    found = params(folder, SEPFORMER)
    for name, part in found.loadables().items():
        part.load_state_dict(torch.load(folder / f"{name}.ckpt", weights_only=True))
    reference = SepformerSeparation(found["modules"], {"num_spks": 2}, {"device": "cpu"})
    mixture = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    with torch.inference_mode():
        wanted = reference.separate_batch(torch.from_numpy(mixture)[None])[0].numpy()
    made = separation._sources(separation._loaded(folder, "cpu"), mixture)
    assert np.allclose(np.stack(made, axis=1), wanted / np.abs(wanted).max(axis=0), atol=1e-5)


@pytest.mark.usefixtures("_speechbrain")
@pytest.mark.parametrize(("text", "rate"), [(METRICGAN, 16_000), (RESNET, 16_000)])
def test_noise_is_taken_away_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, rate: int
) -> None:
    monkeypatch.setattr(separation, "LONGEST", 1)
    draft = run_job(ENGINES["speechbrain"], job(tmp_path, saved(tmp_path / "model", text), 2.5))
    assert draft.data == ["enhanced"]
    ((frames, made, peak),) = played(draft)
    assert made == rate
    assert frames == pytest.approx(2.5 * rate, rel=0.05)
    assert peak == pytest.approx(1, abs=0.01)


@pytest.mark.usefixtures("_speechbrain")
def test_long_recordings_are_not_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "LONGEST", 1)
    with pytest.raises(InputError, match="up to 1 seconds"):
        run_job(ENGINES["speechbrain"], job(tmp_path, saved(tmp_path / "model", SEPFORMER), 1.5))


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("evil-was-here"),))


@pytest.mark.usefixtures("_speechbrain")
def test_weights_are_tensors_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = saved(tmp_path / "model", SEPFORMER)
    (folder / "decoder.ckpt").write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(
        ModelError, match=r"decoder\.ckpt is not loaded: it holds something else than weights"
    ):
        run_job(ENGINES["speechbrain"], job(tmp_path, folder))
    assert not Path("evil-was-here").exists()
    (folder / "decoder.ckpt").unlink()
    with pytest.raises(ModelError, match=r"lacks decoder\.ckpt"):
        run_job(ENGINES["speechbrain"], job(tmp_path, folder))


@pytest.mark.usefixtures("_speechbrain")
def test_models_of_another_kind(tmp_path: Path) -> None:
    text = "modules: {classifier: !new:torch.nn.PReLU }"
    with pytest.raises(ModelError, match="neither separates nor enhances"):
        run_job(ENGINES["speechbrain"], job(tmp_path, saved(tmp_path / "model", text)))
