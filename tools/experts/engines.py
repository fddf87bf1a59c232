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


def _engine(module: str, requires: str) -> Engine:
    return Engine(module=f"tools.experts.{module}", requires=requires, extra="embedded")


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
}
"""All engines by key. `llama`, `chat` and `document` ask a chat model, from the main process;
`provider` asks inference providers."""


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
        raise SetupError(
            f'The {engine.requires} library is missing: pip install "hugginggpt[{engine.extra}]".'
        )
    # Warnings of libraries would land in the middle of what the main process shows.
    os.environ.setdefault("ORT_LOGGING_LEVEL", "3")
    logging.disable(logging.WARNING)
    run: Run = import_module(engine.module).run
    return run(job)
