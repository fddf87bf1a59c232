"""Speakers told apart and noise taken away with SpeechBrain.

SepFormer is of Subakan et al., arXiv 2010.13154, MetricGAN+ of Fu et al., arXiv 2104.03538.
"""

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tools.errors import InputError, ModelError, SetupError
from tools.experts.devices import device_for
from tools.experts.engine import Job
from tools.experts.hyperparams import Hyperparams
from tools.experts.sound import Samples, decoded, save, spectrogram
from tools.outputs import Draft

LONGEST = 60
"""Most seconds that are worked on at once: attention takes memory by the square of it, about 2 GB for a minute."""
RATE = 16_000
"""Sampling rate of models that do not name theirs, in Hz."""
SEPARATION = {"encoder", "masknet", "decoder"}
ENHANCEMENT = {"enhance_model"}


class Loaded(NamedTuple):
    """A model on its device."""

    rate: int
    """Samples per second."""
    sources: int
    """How many sounds it makes of one."""
    apart: Callable[[Any], Any]
    """From a tensor of shape [1, samples] to one of shape [1, samples, sources]."""


def run(job: Job) -> Draft:
    """Take the recording `audio` apart, or clean it.

    Returns:
        A WAV file per source and their spectrograms; data names the recordings.

    Raises:
        InputError: The file holds no sound, or is too long to be taken apart.
        SetupError: PyAV or torchaudio cannot be loaded, or there is no such device.
        ModelError: The model is of another kind or cannot be loaded.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"A SpeechBrain model cannot do {job.task}.")
    return TASKS[job.task](job, job.model)


def _audio_to_audio(job: Job, folder: Path) -> Draft:
    model = _loaded(folder, job.device)
    made = _sources(model, decoded(job.inputs["audio"], model.rate))
    names = [f"source {i}" for i in range(1, len(made) + 1)] if len(made) > 1 else ["enhanced"]
    files = [save(job.out / f"audio-{i}.wav", one, model.rate) for i, one in enumerate(made, 1)]
    for number, one in enumerate(made, 1):
        files.append(job.out / f"spectrogram-{number}.png")
        spectrogram(one, model.rate).save(files[-1])
    text = f"{len(made)} recording(s): {', '.join(names)}."
    return Draft(text=text, data=list(names), files=tuple(files))


TASKS: dict[str, Callable[[Job, Path], Draft]] = {"audio-to-audio": _audio_to_audio}
"""What this engine can do."""


def _sources(model: Loaded, sound: Samples) -> list[Samples]:
    """Return the sources, each as loud as it may be."""
    import torch

    size = LONGEST * model.rate
    if model.sources > 1 and len(sound) > size:
        # In another piece the same speaker may be another source.
        raise InputError(
            f"Voices are told apart in recordings of up to {LONGEST} seconds; give a shorter part."
        )
    with torch.inference_mode():
        parts = [
            model.apart(torch.from_numpy(part)[None])[0].float().cpu().numpy()
            for part in np.array_split(sound, -(-len(sound) // size))
        ]
    made = np.concatenate(parts)
    return list((made / np.maximum(np.abs(made).max(axis=0), 1e-8)).T)


@cache
def _loaded(folder: Path, device: str) -> Loaded:
    params = Hyperparams(folder / "hyperparams.yaml")
    interfaces, options = _interfaces(), {"device": str(device_for(device))}
    try:
        modules = dict(params["modules"])
        for name, part in params.loadables().items():
            _fill(part, folder / f"{Path(name).name}.ckpt")
        return _of_kind(params, modules, interfaces, options)
    except ModelError:
        raise
    except (TypeError, ValueError, AttributeError, RuntimeError, AssertionError) as error:
        raise ModelError(
            f"The model does not fit its hyperparams.yaml: {str(error).partition(chr(10))[0]}"
        ) from error


def _interfaces() -> Any:
    """Import SpeechBrain's inference."""
    try:
        from speechbrain.inference import enhancement, separation
    except (ImportError, OSError) as error:
        raise SetupError(
            f"SpeechBrain cannot be loaded: {str(error).partition(chr(10))[0]}; install the build of torchaudio that "
            "belongs to your torch."
        ) from error
    return (
        separation.SepformerSeparation,
        enhancement.SpectralMaskEnhancement,
        enhancement.WaveformEnhancement,
    )


def _of_kind(
    params: Hyperparams, modules: dict[str, Any], interfaces: Any, options: dict[str, str]
) -> Loaded:
    """Choose the interface by the modules there are."""
    sepformer, spectral, waveform = interfaces
    rate = int(params["sample_rate"]) if "sample_rate" in params else RATE
    if modules.keys() >= SEPARATION:
        number = int(params["num_spks"])
        made = sepformer({name: modules[name] for name in SEPARATION}, {"num_spks": number}, options)
        return Loaded(rate, number, made.separate_batch)
    if not modules.keys() >= ENHANCEMENT:
        raise ModelError("This SpeechBrain model neither separates nor enhances recordings.")
    kind = spectral if all(name in params for name in spectral.HPARAMS_NEEDED) else waveform
    made = kind(
        {name: modules[name] for name in ENHANCEMENT},
        {name: params[name] for name in kind.HPARAMS_NEEDED},
        options,
    )
    return Loaded(rate, 1, lambda sound: _enhanced(made, sound))


def _enhanced(made: Any, sound: Any) -> Any:
    import torch

    return made.enhance_batch(sound, lengths=torch.ones(1))[:, : sound.shape[1], None]


def _fill(part: Any, path: Path) -> None:
    """Load weights; only tensors are read from the file."""
    import torch
    from speechbrain.utils.checkpoints import hook_on_loading_state_dict_checkpoint

    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"The model's folder lacks {path.name}.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{path.name} is not loaded: it holds something else than weights.") from error
    part.load_state_dict(hook_on_loading_state_dict_checkpoint(weights))
