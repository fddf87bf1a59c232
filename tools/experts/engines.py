"""The table of engines, and how one of them runs a job inside a worker process."""

import logging
import os
from importlib import import_module
from importlib.util import find_spec

from tools.errors import SetupError
from tools.experts.engine import Engine, Job, Run
from tools.outputs import Draft

CHAT_TASKS = (
    "text-generation",
    "conversational",
    "summarization",
    "translation",
    "question-answering",
    "text-classification",
    "zero-shot-classification",
)
"""Tasks that any chat model can do."""


PIPELINES = (
    "text-classification",
    "token-classification",
    "zero-shot-classification",
    "table-question-answering",
    "text-generation",
    "conversational",
    "fill-mask",
    "feature-extraction",
    "image-classification",
    "zero-shot-image-classification",
    "object-detection",
    "zero-shot-object-detection",
    "image-segmentation",
    "mask-generation",
    "depth-estimation",
    "document-question-answering",
    "image-feature-extraction",
    "automatic-speech-recognition",
    "audio-classification",
    "zero-shot-audio-classification",
    "text-to-speech",
    "text-to-audio",
    "video-classification",
)
"""Tasks that transformers has a pipeline for."""
WITHOUT_PIPELINE = (
    "question-answering",
    "summarization",
    "translation",
    "image-to-text",
    "visual-question-answering",
    "image-to-image",
    "audio-to-audio",
)
"""Tasks that transformers has models for, but no pipeline (any more)."""
GUIDED = ("canny", "depth", "hed", "mlsd", "normal", "openpose", "seg")
"""Kinds of condition image that ControlNets follow."""
DIFFUSED = (
    "text-to-image",
    "image-to-image",
    "text-to-video",
    "image-to-video",
    *(f"{kind}-text-to-image" for kind in GUIDED),
)
"""Tasks that diffusers does."""


ON_GPU = ("transformers", "sentence-transformers", "diffusers", "speechbrain")
"""Libraries that compute on the device that a job names."""


def _engine(
    module: str, requires: str, extra: str = "embedded", tasks: tuple[str, ...] = (), library: str = ""
) -> Engine:
    libraries = (library,) if library else ()
    return Engine(
        module=f"tools.experts.{module}",
        requires=requires,
        extra=extra,
        tasks=tasks,
        libraries=libraries,
        gpu=library in ON_GPU,
    )


ENGINES: dict[str, Engine] = {
    "faster-whisper": _engine("whisper", "faster_whisper"),
    "piper": _engine("piper_voice", "piper"),
    "spacy": _engine("spacy_ner", "spacy"),
    "rapidocr": _engine("printed_text", "rapidocr"),
    "u2net": _engine("u2net", "onnxruntime"),
    "minilm": _engine("minilm", "transformers"),
    "llama": _engine("chat", "xllamacpp"),
    "chat": _engine("chat", "langchain_openai"),
    "document": _engine("document", "rapidocr"),
    "provider": _engine("provider", "huggingface_hub"),
    "endpoint": _engine("provider", "huggingface_hub"),
    "pipeline": _engine("pipelines", "transformers", "embedded", PIPELINES, "transformers"),
    "transformers": _engine("direct", "transformers", "embedded", WITHOUT_PIPELINE, "transformers"),
    "sentence-transformers": _engine(
        "sentences",
        "sentence_transformers",
        "sentences",
        ("sentence-similarity", "feature-extraction"),
        "sentence-transformers",
    ),
    "diffusers": _engine("diffusion", "diffusers", "diffusion", DIFFUSED, "diffusers"),
    "conditions": _engine(
        "conditions",
        "cv2",
        "vision",
        ("canny-control", "hed-control", "mlsd-control", "normal-control", "openpose-control"),
        "transformers",
    ),
    "speechbrain": _engine("separation", "speechbrain", "speech", ("audio-to-audio",), "speechbrain"),
    "skops": _engine(
        "tabular", "skops", "tabular", ("tabular-classification", "tabular-regression"), "sklearn"
    ),
}
"""All engines by key. `llama`, `chat` and `document` ask a chat model, from the main process;
`provider` asks inference providers, `endpoint` a server of the user's own; all others run in worker processes."""


BUILT_IN = tuple(ENGINES)
"""Keys of the engines that come with this repository."""


def register(key: str, engine: Engine) -> None:
    """Add an engine of your own; in a plugin, as `tools.tasks.register`.

    Args:
        key: What it is called. An engine that needs no model is also offered as a model of this name.
        engine: Where its `run(job) -> Draft` is and which tasks it does. Adding the same one again changes nothing.

    Raises:
        SetupError: There is another engine of that name.
    """
    if ENGINES.setdefault(key, engine) != engine:
        raise SetupError(f"the engine {key} cannot be added: there is another one of that name")


def run_job(engine: Engine, job: Job) -> Draft:
    """Run a job; called in the worker process of the job's model.

    Args:
        engine: A row of `ENGINES`.
        job: What to do.

    Returns:
        What the model made.

    Raises:
        SetupError: The engine's library is not installed.
        InputError: The input is of no use to this engine.
        ModelError: The model could not do it.
    """
    if find_spec(engine.requires) is None:
        raise SetupError(f"The {engine.requires} library is missing: {engine.install}.")
    # Warnings of libraries would land in the middle of what the main process shows.
    os.environ.setdefault("ORT_LOGGING_LEVEL", "3")
    logging.disable(logging.WARNING)
    run: Run = import_module(engine.module).run
    return run(job)
