"""What inference providers can do: for each task type the client's method, its arguments and how its reply is read."""

import base64
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools.errors import InputError, ModelError
from tools.experts import provider_replies as read
from tools.experts.engine import Job
from tools.experts.labels import labels_of
from tools.experts.tables import columns
from tools.hub import HubModel
from tools.outputs import Draft

Arguments = dict[str, Any]
MAX_TOKENS = 2000
"""Most tokens a chat model may write."""
DESCRIBE = "Describe this picture in one or two sentences."


class Adapter(NamedTuple):
    """How one task is done by `huggingface_hub.AsyncInferenceClient`."""

    task: str
    """The task as providers call it, e.g. `conversational`."""
    method: str
    """Name of the client's method."""
    arguments: Callable[[Job, HubModel], Arguments]
    """Raises `InputError`, or `ModelError` when this kind of model cannot do the job."""
    draft: Callable[[Any, Job], Draft]


def _slots(**names: str) -> Callable[[Job, HubModel], Arguments]:
    """Pass slots on as they are: argument name to slot name; an empty optional one is left out."""
    return lambda job, model: {name: job.inputs[slot] for name, slot in names.items() if job.inputs.get(slot)}


def _plain_text(job: Job, model: HubModel) -> Arguments:
    if job.inputs.get("labels"):
        raise ModelError(f"{model.id} has labels of its own; it cannot choose among others.")
    return {"text": job.inputs["text"]}


def _text_labels(job: Job, model: HubModel) -> Arguments:
    return {"text": job.inputs["text"], "candidate_labels": labels_of(job.inputs["labels"])}


def _image_labels(job: Job, model: HubModel) -> Arguments:
    labels = labels_of(job.inputs["labels"])
    if len(labels) < 2:
        raise InputError("There must be at least two labels to choose from, separated by commas.")
    return {"image": job.inputs["image"], "candidate_labels": labels}


def _entities(job: Job, model: HubModel) -> Arguments:
    return {"text": job.inputs["text"], "aggregation_strategy": "simple"}


def _languages(job: Job, model: HubModel) -> Arguments:
    source, target = job.inputs.get("source_language"), job.inputs.get("target_language")
    # Models for one pair of languages take none, and the method takes both or none.
    languages = {"src_lang": source, "tgt_lang": target} if source and target else {}
    return {"text": job.inputs["text"], **languages}


def _masked(job: Job, model: HubModel) -> Arguments:
    text, mask = job.inputs["text"], model.mask_token or "[MASK]"
    text = text.replace("[MASK]", mask).replace("<mask>", mask)
    if mask not in text:
        raise InputError("The text has no [MASK] in place of a word.")
    return {"text": text}


def _two_texts(job: Job, model: HubModel) -> Arguments:
    return {"sentence": job.inputs["text"], "other_sentences": [job.inputs["other_text"]]}


def _table_question(job: Job, model: HubModel) -> Arguments:
    return {"table": columns(job.inputs["table"]), "query": job.inputs["question"]}


def _table(job: Job, model: HubModel) -> Arguments:
    return {"table": columns(job.inputs["table"])}


def _message(job: Job, model: HubModel) -> Arguments:
    return {"messages": [{"role": "user", "content": job.inputs["text"]}], "max_tokens": MAX_TOKENS}


def _shown(job: Job, model: HubModel) -> Arguments:
    """Ask a chat model that sees about a picture."""
    path = Path(job.inputs["image"])
    mime = mimetypes.guess_type(path.name)[0] or "image/png"
    url = f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    question = {"type": "text", "text": job.inputs.get("question") or DESCRIBE}
    content = [{"type": "image_url", "image_url": {"url": url}}, question]
    return {"messages": [{"role": "user", "content": content}], "max_tokens": MAX_TOKENS}


CHAT = Adapter("conversational", "chat_completion", _message, read.said)
SEEING_CHAT = Adapter("conversational", "chat_completion", _shown, read.said)
SEEING = "image-text-to-text"
"""The Hub's tag of chat models that see."""

_ROWS: dict[str, tuple[str, Callable[[Job, HubModel], Arguments], Callable[[Any, Job], Draft]]] = {
    "text-classification": ("text_classification", _plain_text, read.ranked),
    "token-classification": ("token_classification", _entities, read.entities),
    "zero-shot-classification": ("zero_shot_classification", _text_labels, read.ranked),
    "question-answering": (
        "question_answering",
        _slots(question="question", context="context"),
        read.answers,
    ),
    "table-question-answering": ("table_question_answering", _table_question, read.table_answer),
    "summarization": ("summarization", _slots(text="text"), read.field("summary_text")),
    "translation": ("translation", _languages, read.field("translation_text")),
    "text-generation": ("text_generation", _slots(prompt="text"), read.field("generated_text")),
    "fill-mask": ("fill_mask", _masked, read.words),
    "sentence-similarity": ("sentence_similarity", _two_texts, read.similarity),
    "feature-extraction": ("feature_extraction", _slots(text="text"), read.vector),
    "image-classification": ("image_classification", _slots(image="image"), read.ranked),
    "zero-shot-image-classification": ("zero_shot_image_classification", _image_labels, read.ranked),
    "object-detection": ("object_detection", _slots(image="image"), read.objects),
    "image-segmentation": ("image_segmentation", _slots(image="image"), read.segments),
    "image-to-text": ("image_to_text", _slots(image="image"), read.field("generated_text")),
    "visual-question-answering": (
        "visual_question_answering",
        _slots(image="image", question="question"),
        read.answers,
    ),
    "document-question-answering": (
        "document_question_answering",
        _slots(image="image", question="question"),
        read.answers,
    ),
    "image-to-image": ("image_to_image", _slots(image="image", prompt="instruction"), read.image),
    "text-to-image": ("text_to_image", _slots(prompt="text"), read.image),
    "automatic-speech-recognition": (
        "automatic_speech_recognition",
        _slots(audio="audio"),
        read.field("text"),
    ),
    "audio-classification": ("audio_classification", _slots(audio="audio"), read.ranked),
    "audio-to-audio": ("audio_to_audio", _slots(audio="audio"), read.sounds),
    "text-to-speech": ("text_to_speech", _slots(text="text"), read.media("audio")),
    "text-to-video": ("text_to_video", _slots(prompt="text"), read.media("video")),
    "image-to-video": ("image_to_video", _slots(image="image", prompt="text"), read.media("video")),
    "tabular-classification": ("tabular_classification", _table, read.predictions),
}

ADAPTERS: dict[str, tuple[Adapter, ...]] = {
    **{task: (Adapter(task, *row),) for task, row in _ROWS.items()},
    "text-generation": (CHAT, Adapter("text-generation", *_ROWS["text-generation"])),
    "conversational": (CHAT,),
    **{
        task: (Adapter(task, *_ROWS[task]), SEEING_CHAT)
        for task in ("image-to-text", "visual-question-answering", "document-question-answering")
    },
}
"""All adapters by task row; more than one where models of several kinds can do it. No provider does
`tabular-regression`."""

_TAGS = {"conversational": ("text-generation",)}


def hub_tags(task: str) -> tuple[str, ...]:
    """Return the Hub's pipeline tags of models that can do a task; none when no provider can."""
    if task not in ADAPTERS:
        return ()
    return _TAGS.get(task, (task, SEEING) if SEEING_CHAT in ADAPTERS[task] else (task,))


def adapter(task: str, served: str) -> Adapter | None:
    """Return how a task is done by a model that a provider serves for `served`; None when it cannot be."""
    return next((one for one in ADAPTERS.get(task, ()) if one.task == served), None)
