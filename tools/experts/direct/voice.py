"""Saying a recording again in another voice with SpeechT5 (Ao et al., arXiv 2110.07205)."""

from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.direct import loading
from tools.experts.engine import Job
from tools.experts.sound import decoded, save
from tools.outputs import Draft

KIND = "SpeechT5ForSpeechToSpeech"
VOCODER = "SpeechT5HifiGan"
LONGEST = 30
"""Most seconds that are converted at once: time and memory grow with the square of it."""
SHORTEST = 0.1
"""Fewest seconds that can be converted."""


def convert(job: Job) -> Draft:
    """Convert the speech of `audio`, in pieces of up to half a minute, to the model's neutral voice.

    Args:
        job: Its `base` is the folder of the vocoder, which turns the model's spectrogram into sound.

    Returns:
        `voice.wav`; data names the one recording.

    Raises:
        InputError: The file holds no sound, or next to none.
        SetupError: PyAV is not installed.
        ModelError: The model does not convert voices, or there is no vocoder.
    """
    import numpy as np

    folder = loading.folder_of(job)
    if KIND not in (loading.read("AutoConfig", folder).architectures or ()):
        raise ModelError("This model does not turn recordings into recordings.")
    if job.base is None:
        raise ModelError("This model needs a vocoder, such as microsoft/speecht5_hifigan, named as its base.")
    vocoder = loading.model(VOCODER, job.model_copy(update={"model": job.base}), exact=True)
    rate = loading.read("AutoFeatureExtractor", folder).sampling_rate
    sound = decoded(job.inputs["audio"], rate)
    if len(sound) < rate * SHORTEST:
        raise InputError(f"The recording is shorter than {SHORTEST} seconds.")
    # Equal parts: a rest of a few milliseconds would be too short for the model.
    parts = np.array_split(sound, -(-len(sound) // (LONGEST * rate)))
    made = np.concatenate([_converted(job, part, vocoder) for part in parts])
    path = save(job.out / "voice.wav", made, vocoder.config.sampling_rate)
    seconds = len(made) / vocoder.config.sampling_rate
    return Draft(
        text=f"The recording in another voice, {seconds:.1f} seconds.", data=["voice"], files=(path,)
    )


def _converted(job: Job, sound: Any, vocoder: Any) -> Any:
    """Return samples. The neutral voice is the mean of all speakers, a vector of zeros."""
    import torch

    model = loading.model(KIND, job, exact=True)
    extractor = loading.read("AutoFeatureExtractor", loading.folder_of(job))
    inputs = extractor(sound, sampling_rate=extractor.sampling_rate, return_tensors="pt").to(model.device)
    speaker = torch.zeros(1, model.config.speaker_embedding_dim, device=model.device)
    # Its dropout stays on when it speaks: the same recording is to give the same sound.
    torch.manual_seed(0)
    with torch.inference_mode():
        speech = model.generate_speech(inputs["input_values"], speaker, vocoder=vocoder)
    return speech.float().cpu().numpy()
