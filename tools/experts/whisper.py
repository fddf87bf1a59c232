"""Speech recognition with faster-whisper (Whisper: Radford et al., arXiv 2212.04356)."""

from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import InputError
from tools.experts.engine import Job
from tools.experts.processes import most_threads
from tools.outputs import Draft

NOTHING = "(no speech was heard)"
"""Text of a recording without speech, so that later tasks and the answer can say so."""


def run(job: Job) -> Draft:
    """Transcribe `audio`: any sound file that FFmpeg reads, of any length.

    Returns:
        The text; data has `language`, `seconds` and timed `segments`.

    Raises:
        InputError: The file holds no sound that can be decoded.
    """
    sound = _decoded(job.inputs["audio"])
    # No voice activity filter: it drops quiet and sung words. Segments are independent, so that one
    # misheard passage does not repeat itself through the rest.
    segments, info = _model(job.model).transcribe(
        sound, beam_size=5, vad_filter=False, condition_on_previous_text=False
    )
    found = [{"start": round(s.start, 2), "end": round(s.end, 2), "text": s.text.strip()} for s in segments]
    found = found if _has_speech(sound) else []
    text = " ".join(str(segment["text"]) for segment in found).strip()
    data = {"language": info.language, "seconds": round(info.duration, 2), "segments": found}
    return Draft(text=text or NOTHING, data=data)


def _has_speech(sound: Any) -> bool:
    """Tell whether anything at all sounds like speech: Whisper invents a word or two for silence."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    return bool(get_speech_timestamps(sound, VadOptions(threshold=0.2, min_speech_duration_ms=50)))


@cache
def _model(folder: Path) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=most_threads())


def _decoded(path: str) -> Any:
    from av.error import FFmpegError
    from faster_whisper.audio import decode_audio

    name = Path(path).name
    try:
        sound = decode_audio(path)
    except (FFmpegError, IndexError, ValueError, TypeError) as error:
        raise InputError(f"{name} cannot be read as sound: {error}.") from error
    if not sound.size:
        raise InputError(f"{name} holds no sound.")
    return sound
