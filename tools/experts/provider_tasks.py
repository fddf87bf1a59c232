"""What inference providers can do: for each task type the client's method, its arguments and how its reply is read."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tools.experts import provider_arguments as give
from tools.experts import provider_choices as choose
from tools.experts import provider_replies as read
from tools.experts.engine import Job
from tools.experts.provider_arguments import Arguments, slots
from tools.hub import HubModel
from tools.outputs import Draft


class Adapter(NamedTuple):
    """How one task is done by `huggingface_hub.AsyncInferenceClient`."""

    task: str
    """The task as providers call it, e.g. `conversational`."""
    method: str
    """Name of the client's method."""
    arguments: Callable[[Job, HubModel], Arguments]
    """Raises `InputError`, or `ModelError` when this kind of model cannot do the job."""
    draft: Callable[[Any, Job], Draft]
    """Reads the reply; raises what `tools.experts.provider_errors.UNREADABLE` lists for one of the wrong form."""
    tag: str = ""
    """The Hub's pipeline tag of such models where it is another name than `task`."""


CHAT = Adapter("conversational", "chat_completion", give.message, read.said, "text-generation")
SEEING = "image-text-to-text"
"""The Hub's tag of chat models that see."""
SEEING_CHAT = Adapter("conversational", "chat_completion", give.shown, read.said, SEEING)
SEEING_CHOICE = Adapter("conversational", "chat_completion", give.shown_labels, choose.label, SEEING)
EMBEDDER = Adapter("sentence-similarity", "feature_extraction", slots(text="text"), read.vector)
COMPARED = Adapter("feature-extraction", "feature_extraction", give.both_texts, choose.closeness)

_picture, _recording = slots(image="image"), slots(audio="audio")
_question = slots(image="image", question="question")

_OWN = (
    Adapter("text-classification", "text_classification", give.plain_text, read.ranked),
    Adapter("token-classification", "token_classification", give.entities, read.entities),
    Adapter("zero-shot-classification", "zero_shot_classification", give.text_labels, read.ranked),
    Adapter(
        "question-answering",
        "question_answering",
        slots(question="question", context="context"),
        read.answers,
    ),
    Adapter("table-question-answering", "table_question_answering", give.table_question, read.table_answer),
    Adapter("summarization", "summarization", slots(text="text"), read.field("summary_text")),
    Adapter("translation", "translation", give.languages, read.field("translation_text")),
    Adapter("text-generation", "text_generation", give.prompt, read.field("generated_text")),
    Adapter("fill-mask", "fill_mask", give.masked, read.words),
    Adapter("sentence-similarity", "sentence_similarity", give.two_texts, read.similarity),
    Adapter("feature-extraction", "feature_extraction", slots(text="text"), read.vector),
    Adapter("image-classification", "image_classification", _picture, read.ranked),
    Adapter(
        "zero-shot-image-classification", "zero_shot_image_classification", give.image_labels, read.ranked
    ),
    Adapter("object-detection", "object_detection", _picture, read.objects),
    Adapter("image-segmentation", "image_segmentation", _picture, read.segments),
    Adapter("image-to-text", "image_to_text", _picture, read.field("generated_text")),
    Adapter("visual-question-answering", "visual_question_answering", _question, read.answers),
    Adapter("document-question-answering", "document_question_answering", _question, read.answers),
    Adapter("image-to-image", "image_to_image", slots(image="image", prompt="instruction"), read.image),
    Adapter("text-to-image", "text_to_image", slots(prompt="text"), read.image),
    Adapter("automatic-speech-recognition", "automatic_speech_recognition", _recording, read.field("text")),
    Adapter("audio-classification", "audio_classification", _recording, read.ranked),
    Adapter("audio-to-audio", "audio_to_audio", _recording, read.sounds),
    Adapter("text-to-speech", "text_to_speech", slots(text="text"), read.media("audio")),
    Adapter("text-to-video", "text_to_video", slots(prompt="text"), read.media("video")),
    Adapter("image-to-video", "image_to_video", slots(image="image", prompt="text"), read.media("video")),
    Adapter("tabular-classification", "tabular_classification", give.table, read.predictions),
    Adapter("tabular-regression", "tabular_regression", give.table, read.predictions),
)
"""The client's own method for each task."""

ADAPTERS: dict[str, tuple[Adapter, ...]] = {one.task: (one,) for one in _OWN}
"""All adapters by task row; more than one where models of several kinds can do it, the likelier kind first."""
ADAPTERS["conversational"] = (CHAT,)
ADAPTERS["text-generation"] = (CHAT, *ADAPTERS["text-generation"])
ADAPTERS["feature-extraction"] += (EMBEDDER,)
ADAPTERS["sentence-similarity"] += (COMPARED,)
ADAPTERS["zero-shot-image-classification"] += (SEEING_CHOICE,)
for _task in ("image-to-text", "visual-question-answering", "document-question-answering"):
    ADAPTERS[_task] += (SEEING_CHAT,)

AT_ENDPOINTS: dict[str, tuple[Adapter, ...]] = {
    # The client speaks to no endpoint that makes videos.
    **{task: ways for task, ways in ADAPTERS.items() if not task.endswith("-to-video")},
    # It sends and reads the same for the sisters of these two, which it does not speak to endpoints for either.
    "text-to-audio": (Adapter("text-to-audio", "text_to_speech", slots(text="text"), read.media("audio")),),
    "tabular-regression": (
        Adapter("tabular-regression", "tabular_classification", give.table, read.predictions),
    ),
}
"""The same for endpoints, which are tried with one adapter after the other."""


def hub_tags(task: str) -> tuple[str, ...]:
    """Return the Hub's pipeline tags of models that can do a task; none when no provider can."""
    return tuple(dict.fromkeys(one.tag or one.task for one in ADAPTERS.get(task, ())))


def adapter(task: str, served: str) -> Adapter | None:
    """Return how a task is done by a model that a provider serves for `served`; None when it cannot be."""
    return next((one for one in ADAPTERS.get(task, ()) if one.task == served), None)
