"""Pipelines that make sound from text: VITS and MMS, SpeechT5 with a vocoder, Bark, MusicGen and their kin."""

from typing import Any

import numpy as np

from tools.errors import InputError, ModelError
from tools.experts.engine import Job, Run
from tools.experts.pieces import pieces
from tools.experts.pipelines.loading import pipe_of
from tools.experts.sound import Samples, save, spectrogram
from tools.outputs import Draft

PIECE = 200
"""Most bytes spoken at once: what Bark says in the 13 seconds that it can make."""
PAUSE = 0.2
"""Seconds of silence between pieces."""
SOUND = 10
"""Seconds of music or sound that are made."""


def _speak(job: Job) -> Draft:
    """Speak `text`, sentence by sentence, so that its length does not matter.

    Returns:
        The WAV file; its length in `data["seconds"]`.

    Raises:
        InputError: There is nothing to speak.
        ModelError: It makes spectrograms and has no vocoder as its base, or it made no sound.
    """
    text = job.inputs["text"].strip()
    if not any(character.isalnum() for character in text):
        raise InputError("There is no text to read aloud.")
    pipe = pipe_of(job, "text-to-audio")
    parts = [_sound(pipe, piece, _voice(pipe)) for piece in pieces(text, PIECE)]
    pause = np.zeros(int(PAUSE * pipe.sampling_rate), np.float32)
    speech = np.concatenate([sound for part in parts for sound in (pause, part)][1:])
    path = save(job.out / "speech.wav", speech, pipe.sampling_rate)
    seconds = len(speech) / pipe.sampling_rate
    return Draft(text=f"Speech of {seconds:.1f} seconds.", data={"seconds": round(seconds, 2)}, files=(path,))


def _voice(pipe: Any) -> dict[str, Any]:
    """Return the speaker that SpeechT5 asks for: the neutral one of its authors' example."""
    import torch

    size = getattr(pipe.model.config, "speaker_embedding_dim", None)
    if pipe.model.config.model_type != "speecht5" or not size:
        return {}
    return {"forward_params": {"speaker_embeddings": torch.zeros(1, size, device=pipe.device)}}


def _make(job: Job) -> Draft:
    """Make the sound that `text` describes, about ten seconds long.

    Returns:
        The WAV file and its spectrogram; its length in `data["seconds"]`.

    Raises:
        InputError: The description is empty.
        ModelError: It made no sound.
    """
    if not (text := job.inputs["text"].strip()):
        raise InputError("The text is empty.")
    pipe = pipe_of(job)
    sound = _sound(pipe, text, _length(pipe))
    files = (save(job.out / "sound.wav", sound, pipe.sampling_rate), job.out / "spectrogram.png")
    spectrogram(sound, pipe.sampling_rate).save(files[1])
    seconds = sound.shape[-1] / pipe.sampling_rate
    return Draft(text=f"Sound of {seconds:.1f} seconds.", data={"seconds": round(seconds, 2)}, files=files)


def _length(pipe: Any) -> dict[str, Any]:
    """Return how many tokens to make, for models whose tokens have a length in time."""
    codec = getattr(pipe.model.config, "audio_encoder", None)
    if not pipe.model.can_generate() or codec is None:
        return {}
    return {"generate_kwargs": {"max_new_tokens": int(SOUND * codec.frame_rate)}}


def _sound(pipe: Any, text: str, options: dict[str, Any]) -> Samples:
    """Return sound of shape [samples] or [channels, samples]."""
    if pipe.sampling_rate is None:
        raise ModelError("This model does not say how many samples a second of its sound has.")
    return np.atleast_1d(np.asarray(pipe(text, **options)["audio"], dtype=np.float32))


TASKS: dict[str, Run] = {"text-to-speech": _speak, "text-to-audio": _make}
"""What is done here, by task row."""
