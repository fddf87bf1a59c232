"""Tasks that transformers has models for, but no pipeline (any more)."""

from tools.errors import ModelError
from tools.experts.direct.enhancing import enhance
from tools.experts.direct.question_answering import answer
from tools.experts.direct.seeing import answer_about, describe
from tools.experts.direct.summarization import summarize
from tools.experts.direct.translation import translate
from tools.experts.direct.voice import convert
from tools.experts.engine import Job, Run
from tools.outputs import Draft

TASKS: dict[str, Run] = {
    "question-answering": answer,
    "summarization": summarize,
    "translation": translate,
    "image-to-text": describe,
    "visual-question-answering": answer_about,
    "image-to-image": enhance,
    "audio-to-audio": convert,
}
"""What this engine can do, by task row."""


def run(job: Job) -> Draft:
    """Run a task with a transformers model.

    Raises:
        InputError: An input is of no use.
        SetupError: A library that the model needs is not installed.
        ModelError: The model's folder is missing, or it cannot do the task.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"This model cannot do {job.task}.")
    return TASKS[job.task](job)
