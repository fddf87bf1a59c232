"""Sentence similarity, vectors and choice among labels with all-MiniLM-L6-v2."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tools.embeddings import embed
from tools.errors import InputError, ModelError
from tools.experts.engine import Job
from tools.experts.labels import labels_of
from tools.experts.provider_replies import ranked
from tools.experts.vectors import likeness, vector
from tools.outputs import Draft

TEMPERATURE = 0.05
"""Divides cosine similarities before the softmax; the scale such models were trained with."""
TEMPLATE = "This text is about {label}."


def run(job: Job) -> Draft:
    """Run one of the tasks that need sentence vectors only.

    Raises:
        InputError: A text or the labels are missing.
        ModelError: The task is not one of them.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"all-MiniLM-L6-v2 cannot do {job.task}.")
    return TASKS[job.task](job, job.model)


def _similarity(job: Job, folder: Path) -> Draft:
    first, second = embed(folder, [_text(job, "text"), _text(job, "other_text")])
    return likeness(float(first @ second))


def _features(job: Job, folder: Path) -> Draft:
    return vector(embed(folder, [_text(job, "text")])[0].tolist())


def _zero_shot(job: Job, folder: Path) -> Draft:
    """Choose among labels by similarity.

    It tells topics apart. It does not reason: opposites such as "good" and "bad", or labels that need an
    inference, lie close together; scores are shares of a softmax and no calibrated probabilities.
    """
    labels = labels_of(job.inputs["labels"])
    found = embed(folder, [_text(job, "text"), *(TEMPLATE.format(label=label) for label in labels)])
    logits = found[1:] @ found[0] / TEMPERATURE
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    pairs = zip(labels, shares.tolist(), strict=True)
    return ranked([{"label": label, "score": share} for label, share in pairs], job)


def _text(job: Job, slot: str) -> str:
    if not (text := job.inputs[slot].strip()):
        raise InputError(f"The {slot} is empty.")
    return text


TASKS: dict[str, Callable[[Job, Path], Draft]] = {
    "sentence-similarity": _similarity,
    "feature-extraction": _features,
    "zero-shot-classification": _zero_shot,
}
"""What this engine can do."""
