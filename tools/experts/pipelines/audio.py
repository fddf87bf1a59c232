"""Pipelines that hear sound: speech to text, and labels."""

from collections import defaultdict
from typing import Any

from tools.experts.engine import Job, Run
from tools.experts.labels import labels_of
from tools.experts.pipelines import speaking
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import ranked
from tools.experts.sound import Samples, decoded
from tools.experts.whisper import NOTHING
from tools.outputs import Draft

CHUNK = 30
"""Seconds of speech that a model hears at once; neighbouring chunks overlap by a third."""
CLIP = 10
"""Seconds of sound that are classified at once: the length that models of AudioSet were trained on."""


def _transcribe(job: Job) -> Draft:
    """Write down the speech in `audio`, of any length.

    Returns:
        The text; data has `seconds`, and with Whisper `language` and timed `segments`.

    Raises:
        InputError: The file holds no sound that can be decoded.
    """
    pipe = pipe_of(job)
    rate = pipe.feature_extractor.sampling_rate
    samples = decoded(job.inputs["audio"], rate)
    seconds = round(len(samples) / rate, 2)
    reply = pipe(samples, **_options(pipe, seconds))
    data = {"seconds": seconds, **_timed(reply.get("chunks"), seconds)}
    return Draft(text=" ".join(reply["text"].split()) or NOTHING, data=data)


def _options(pipe: Any, seconds: float) -> dict[str, Any]:
    """Return how a long recording is heard: Whisper goes from time stamp to time stamp, others by chunks."""
    if pipe.type == "seq2seq_whisper" and hasattr(pipe.model.generation_config, "no_timestamps_token_id"):
        return {"return_timestamps": True, "return_language": True}
    return {"chunk_length_s": CHUNK} if seconds > CHUNK else {}


def _timed(chunks: list[dict[str, Any]] | None, seconds: float) -> dict[str, Any]:
    """Return the language and the segments of Whisper's chunks; the last one may have no end."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

    if chunks is None:
        return {}
    segments = [
        {
            "start": one["timestamp"][0] or 0.0,
            "end": one["timestamp"][1] or seconds,
            "text": one["text"].strip(),
        }
        for one in chunks
    ]
    language = next((TO_LANGUAGE_CODE.get(one.get("language")) for one in chunks), None)
    return {"language": language, "segments": segments}


def _classify(job: Job) -> Draft:
    """Rank the model's own labels."""
    pipe = pipe_of(job)
    return ranked(_heard(pipe, job, top_k=pipe.model.config.num_labels), job)


def _zero_shot(job: Job) -> Draft:
    """Rank the given labels by how well they describe the sound (CLAP: Wu et al., arXiv 2211.06687)."""
    return ranked(_heard(pipe_of(job), job, candidate_labels=labels_of(job.inputs["labels"])), job)


def _heard(pipe: Any, job: Job, **options: Any) -> list[dict[str, Any]]:
    """Classify a recording of any length: the mean of the scores of its clips."""
    rate = pipe.feature_extractor.sampling_rate
    clips = cut(decoded(job.inputs["audio"], rate), rate)
    scores: dict[str, float] = defaultdict(float)
    for clip in clips:
        for one in pipe(clip, **options):
            scores[one["label"]] += one["score"] / len(clips)
    return [{"label": label, "score": score} for label, score in scores.items()]


def cut(samples: Samples, rate: int) -> list[Samples]:
    """Cut sound into clips of `CLIP` seconds; a rest of less than a second is left out when there are others."""
    starts = range(0, max(1, len(samples) - rate + 1), CLIP * rate)
    return [samples[start : start + CLIP * rate] for start in starts]


TASKS: dict[str, Run] = {
    "automatic-speech-recognition": _transcribe,
    "audio-classification": _classify,
    "zero-shot-audio-classification": _zero_shot,
    **speaking.TASKS,
}
"""What is done here, by task row."""
