"""Pipelines that read text: labels, entities, gaps and vectors."""

from typing import Any

from tools.errors import InputError, ModelError
from tools.experts.engine import Job, Run
from tools.experts.labels import labels_of
from tools.experts.pipelines import generation, tables
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import entities, ranked, vector, words
from tools.outputs import Draft

MASKS = ("[MASK]", "<mask>")
"""What people and plans write for a gap; each tokenizer has a mask of its own."""


def _text(job: Job) -> str:
    if not (text := job.inputs["text"].strip()):
        raise InputError("The text is empty.")
    return text


def _classify(job: Job) -> Draft:
    """Rank the model's own labels; what does not fit into the model is not read."""
    text = _text(job)
    if job.inputs.get("labels"):
        raise ModelError("This model has labels of its own; it cannot choose among others.")
    return ranked(pipe_of(job)(text, top_k=None, truncation=True), job)


def _zero_shot(job: Job) -> Draft:
    """Rank the given labels by whether the text entails them (Yin et al., arXiv 1909.00161)."""
    text, labels, pipe = _text(job), labels_of(job.inputs["labels"]), pipe_of(job)
    if pipe.entailment_id < 0:
        raise ModelError(
            "This model was not trained to tell what follows from a text: it has no label entailment."
        )
    found = pipe(text, candidate_labels=labels)
    pairs = zip(found["labels"], found["scores"], strict=True)
    return ranked([{"label": label, "score": score} for label, score in pairs], job)


def _entities(job: Job) -> Draft:
    """Find entities in a text of any length: what does not fit at once is read in overlapping parts."""
    _text(job)
    text, pipe = job.inputs["text"], pipe_of(job)
    size = pipe.tokenizer.model_max_length
    parts = {"stride": min(64, size // 4)} if pipe.tokenizer.is_fast and pipe.tokenizer.pad_token else {}
    found = pipe(text, aggregation_strategy="simple", **parts)
    return entities([_exact(one, text) for one in found], job)


def _exact(entity: dict[str, Any], text: str) -> dict[str, Any]:
    """Return an entity with its words as they stand in the text; tokenizers may change case and spaces."""
    start, end = entity["start"], entity["end"]
    if start is None:
        return entity
    words_ = text[start:end]
    start += len(words_) - len(words_.lstrip())
    return {**entity, "word": words_.strip(), "start": start, "end": start + len(words_.strip())}


def _fill(job: Job) -> Draft:
    """Fill the one gap of a text."""
    text, pipe = _text(job), pipe_of(job)
    for mask in MASKS:
        text = text.replace(mask, pipe.tokenizer.mask_token)
    if (gaps := text.count(pipe.tokenizer.mask_token)) != 1:
        raise InputError(f"The text has {gaps} [MASK] in place of a word; it needs exactly one.")
    return words(pipe(text, tokenizer_kwargs={"truncation": True}), job)


def _features(job: Job) -> Draft:
    """Embed a text: the mean of its tokens' vectors in the last layer, scaled to length 1.

    Nothing is padded, since there is one text, so that all tokens count (Reimers and Gurevych, arXiv 1908.10084).
    """
    import numpy as np

    states = pipe_of(job)(_text(job), truncation=True, return_tensors=True)
    mean = states[0].float().mean(dim=0).cpu().numpy()
    return vector(np.round(mean / max(float(np.linalg.norm(mean)), 1e-12), 6), job)


TASKS: dict[str, Run] = {
    "text-classification": _classify,
    "token-classification": _entities,
    "zero-shot-classification": _zero_shot,
    "fill-mask": _fill,
    "feature-extraction": _features,
    **generation.TASKS,
    **tables.TASKS,
}
"""What is done here, by task row."""
