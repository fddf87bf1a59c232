"""Loading transformers models and what prepares their inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from warnings import catch_warnings

from tools.errors import ModelError, SetupError
from tools.experts.devices import device_for, dtype_for
from tools.experts.engine import Job

SAFE = {"local_files_only": True, "trust_remote_code": False}
"""How all files are read: never from the network, and no code that came with them is run."""


def model(auto: str, job: Job, *, exact: bool = False) -> Any:
    """Load a job's model once per process.

    Args:
        auto: Name of a transformers class, e.g. `AutoModelForSeq2SeqLM`.
        job: Says where the model's folder is, and the device it is to run on.
        exact: Single precision on every device, where half precision could be seen or heard.

    Returns:
        A `transformers.PreTrainedModel`, ready to run.

    Raises:
        ModelError: The files are incomplete, no safetensors, or of a model that was not trained for this.
        SetupError: A library it needs is missing, or there is no such device.
    """
    return _model(auto, folder_of(job), job.device, exact)


@cache
def _model(auto: str, folder: Path, device: str, exact: bool) -> Any:
    import torch
    import transformers

    where = device_for(device)
    dtype = torch.float32 if exact else dtype_for(where)
    with _errors(folder):
        loaded, info = getattr(transformers, auto).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **SAFE
        )
    # Layers without weights are filled with random numbers. A few that do no harm are left out of many files.
    if info["missing_keys"] and type(loaded).__name__ not in (loaded.config.architectures or ()):
        raise ModelError(f"{folder.name} was not trained for this: its files lack a part of the model.")
    return loaded.eval().to(where)


@cache
def read(auto: str, folder: Path) -> Any:
    """Read what belongs to a model, once per process.

    Args:
        auto: Name of a transformers class, such as `AutoTokenizer` or `AutoProcessor`.
        folder: The model's files.

    Raises:
        ModelError: The folder does not hold it.
        SetupError: A library it needs is missing.
    """
    import transformers

    # What a tokenizer recommends to install would land in the middle of what the main process shows.
    with _errors(folder), catch_warnings(action="ignore"):
        return getattr(transformers, auto).from_pretrained(folder, **SAFE)


def folder_of(job: Job) -> Path:
    """Return the folder of a job's model.

    Raises:
        ModelError: It has none.
    """
    if job.model is None:
        raise ModelError(f"No model was given for {job.task}.")
    return job.model


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        hint = 'pip install "hugginggpt[tokenizers]" has those of tokenizers'
        raise SetupError(f"{folder.name} needs a library that is missing ({hint}): {_line(error)}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelError(f"{folder.name} cannot be loaded: {_line(error)}") from error


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
