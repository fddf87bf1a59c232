"""Speech with Piper, an implementation of VITS (Kim et al., arXiv 2106.06103)."""

import json
import wave
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import InputError
from tools.experts.engine import Job
from tools.experts.files import only
from tools.experts.onnx import session
from tools.outputs import Draft


def run(job: Job) -> Draft:
    """Speak `text` into a WAV file, sentence by sentence, so that its length does not matter.

    Returns:
        The file, and its length in `data["seconds"]`.

    Raises:
        InputError: There is nothing to speak.
    """
    text = job.inputs["text"].strip()
    if not any(character.isalnum() for character in text):
        raise InputError("There is no text to read aloud.")
    path = job.out / "speech.wav"
    with wave.open(str(path), "wb") as file:
        _voice(only(job.model, "*.onnx")).synthesize_wav(text, file)
    with wave.open(str(path), "rb") as file:
        seconds = file.getnframes() / file.getframerate()
    return Draft(text=f"Speech of {seconds:.1f} seconds.", data={"seconds": round(seconds, 2)}, files=(path,))


@cache
def _voice(model: Path) -> Any:
    from piper import PiperConfig, PiperVoice

    config = json.loads(model.with_name(f"{model.name}.json").read_text(encoding="utf-8"))
    # `PiperVoice.load` would leave the number of threads and their spinning to the library.
    return PiperVoice(session=session(model), config=PiperConfig.from_dict(config))
