"""Tasks that transformers has a pipeline for."""

from tools.errors import ModelError
from tools.experts.engine import Job, Run
from tools.experts.pipelines import vision
from tools.outputs import Draft

TASKS: dict[str, Run] = {**vision.TASKS}
"""What this engine can do, by task row."""


def run(job: Job) -> Draft:
    """Run a task with a transformers pipeline.

    Raises:
        InputError: An input is of no use.
        SetupError: The model needs a library that is not installed.
        ModelError: The model's folder is missing, or it cannot do the task.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"This model cannot do {job.task}.")
    return TASKS[job.task](job)
