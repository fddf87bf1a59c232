"""Loading transformers pipelines."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import ModelError, SetupError
from tools.experts.devices import AUTO, device_for, dtype_for
from tools.experts.engine import Job
from tools.experts.pipelines.adjustments import arguments

_NEEDED = re.compile(r"requires the (\w+) library|Missing optional dependencies: (\w+)")
"""How transformers says that a library of the model is missing."""
_NO_WEIGHTS = "no file named model.safetensors"
"""How it says that the weights are there in no form that is safe to load."""


@cache
def load(pipeline_task: str, folder: Path, device: str = AUTO) -> Any:
    """Load a model once per process, from safetensors only and without running code that came with it.

    Args:
        pipeline_task: Name of a transformers pipeline, e.g. `object-detection`.
        folder: The model's files.
        device: See `tools.experts.devices`.

    Returns:
        A `transformers.Pipeline`.

    Raises:
        SetupError: The model needs a library that is not installed, such as torchvision.
        ModelError: It has no weights as safetensors.
    """
    from transformers import pipeline

    where = device_for(device)
    with explained():
        return pipeline(
            pipeline_task,
            model=str(folder),
            device=where,
            dtype=dtype_for(where),
            trust_remote_code=False,
            **arguments(folder),
        )


@contextmanager
def explained() -> Iterator[None]:
    """Raise what transformers says of a model that cannot be loaded as errors that say what to do; see `load`."""
    try:
        yield
    except (ImportError, ValueError, OSError) as error:
        if needed := _NEEDED.search(str(error)):
            raise missing(needed[1] or needed[2]) from error
        if _NO_WEIGHTS in str(error):
            raise ModelError(
                "This model has no weights as safetensors, the only form that is loaded."
            ) from error
        raise


def missing(library: str) -> SetupError:
    """Return the error of a model that cannot work without a library."""
    return SetupError(f"This model needs {library}, which is not installed: pip install {library}.")


def loaded(job: Job) -> Any:
    """Return the pipeline that is named like the job's task, with the job's model; see `load`."""
    return load(job.task, folder_of(job), job.device)


def folder_of(job: Job) -> Path:
    """Return the folder of the job's model.

    Raises:
        ModelError: There is none.
    """
    if job.model is None:
        raise ModelError(f"There is no model for {job.task}.")
    return job.model
