"""The arguments of the inference client's methods, made of a task's slots.

Each function takes the job and what is known of the model. It raises `InputError`, or `ModelError` when this kind of
model cannot do the job.
"""

import base64
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.errors import InputError, ModelError
from tools.experts import languages as codes
from tools.experts.engine import Job
from tools.experts.labels import labels_of
from tools.experts.tables import columns
from tools.hub import HubModel

Arguments = dict[str, Any]
MAX_TOKENS = 2000
"""Most tokens a chat model may write."""
CONTINUED_TOKENS = 500
"""Most tokens that a model without chat may add to a text."""
DESCRIBE = "Describe this picture in one or two sentences."
CHOOSE = "Which one of these labels fits this picture best: {labels}? Reply with that label and nothing else."
FAMILIES = (("nllb", codes.nllb), ("mbart", codes.mbart), ("m2m", codes.m2m))
"""Families of models for many languages: what stands in a model's id or tags, and its codes. NLLB comes first: its
models are tagged `m2m_100` too."""


def slots(**names: str) -> Callable[[Job, HubModel], Arguments]:
    """Pass slots on as they are: argument name to slot name; an empty optional one is left out."""
    return lambda job, model: {name: job.inputs[slot] for name, slot in names.items() if job.inputs.get(slot)}


def plain_text(job: Job, model: HubModel) -> Arguments:
    """Pass the text on; such a model has labels of its own."""
    if job.inputs.get("labels"):
        raise ModelError(f"{model.id} has labels of its own; it cannot choose among others.")
    return {"text": job.inputs["text"]}


def text_labels(job: Job, model: HubModel) -> Arguments:
    """Pass on the text and the labels to choose from."""
    return {"text": job.inputs["text"], "candidate_labels": labels_of(job.inputs["labels"])}


def image_labels(job: Job, model: HubModel) -> Arguments:
    """Pass on the picture and the labels, two at least."""
    labels = labels_of(job.inputs["labels"])
    if len(labels) < 2:
        raise InputError("There must be at least two labels to choose from, separated by commas.")
    return {"image": job.inputs["image"], "candidate_labels": labels}


def entities(job: Job, model: HubModel) -> Arguments:
    """Ask for whole entities, not for single tokens."""
    return {"text": job.inputs["text"], "aggregation_strategy": "simple"}


def languages(job: Job, model: HubModel) -> Arguments:
    """Name the languages in the codes of the model's family; models for one pair of languages take none."""
    text, source = job.inputs["text"], job.inputs.get("source_language") or ""
    target = job.inputs.get("target_language") or "English"
    if pair := codes.pair(model.id):
        # Codes of three letters may name a group of languages.
        if not codes.closest(target, pair[1:]) or (
            source and len(pair[0]) == 2 and not codes.closest(source, pair[:1])
        ):
            raise ModelError(f"{model.id} translates from {pair[0]} to {pair[1]} only.")
        return {"text": text}
    about = " ".join((model.id, *model.tags)).lower()
    family = next((find for part, find in FAMILIES if part in about), None)
    if family is None:
        return {"text": text}
    if not source:
        raise ModelError(f"{model.id} has to be told the language of the text; fill source_language.")
    return {"text": text, "src_lang": _code(source, family, model), "tgt_lang": _code(target, family, model)}


def _code(name: str, family: Callable[[str], str | None], model: HubModel) -> str:
    if found := family(name):
        return found
    raise ModelError(
        f"{model.id} does not know the language {name!r}; write its name in English, e.g. French."
    )


def masked(job: Job, model: HubModel) -> Arguments:
    """Put the model's own mask into the text."""
    text, mask = job.inputs["text"], model.mask_token or "[MASK]"
    text = text.replace("[MASK]", mask).replace("<mask>", mask)
    if mask not in text:
        raise InputError("The text has no [MASK] in place of a word.")
    return {"text": text}


def two_texts(job: Job, model: HubModel) -> Arguments:
    """Compare the one text with the other."""
    return {"sentence": job.inputs["text"], "other_sentences": [job.inputs["other_text"]]}


def both_texts(job: Job, model: HubModel) -> Arguments:
    """Ask for the embeddings of both texts."""
    return {"text": [job.inputs["text"], job.inputs["other_text"]]}


def prompt(job: Job, model: HubModel) -> Arguments:
    """Let a model that does not chat continue a text."""
    return {"prompt": job.inputs["text"], "max_new_tokens": CONTINUED_TOKENS}


def table_question(job: Job, model: HubModel) -> Arguments:
    """Pass on the table as columns, and the question."""
    return {"table": columns(job.inputs["table"]), "query": job.inputs["question"]}


def table(job: Job, model: HubModel) -> Arguments:
    """Pass on the table as columns."""
    return {"table": columns(job.inputs["table"])}


def message(job: Job, model: HubModel) -> Arguments:
    """Send the text as a message."""
    return {"messages": [{"role": "user", "content": job.inputs["text"]}], "max_tokens": MAX_TOKENS}


def shown(job: Job, model: HubModel) -> Arguments:
    """Ask a chat model that sees about a picture."""
    return _seen(job, job.inputs.get("question") or DESCRIBE)


def shown_labels(job: Job, model: HubModel) -> Arguments:
    """Let a chat model that sees choose a label."""
    return _seen(job, CHOOSE.format(labels=", ".join(labels_of(job.inputs["labels"]))))


def _seen(job: Job, question: str) -> Arguments:
    path = Path(job.inputs["image"])
    mime = mimetypes.guess_type(path.name)[0] or "image/png"
    url = f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
    return {"messages": [{"role": "user", "content": content}], "max_tokens": MAX_TOKENS}
