"""Loading transformers pipelines."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import HuggingGPTError, ModelError, SetupError
from tools.experts.adapters import is_adapter, merged
from tools.experts.devices import AUTO, device_for, dtype_for
from tools.experts.engine import Job
from tools.experts.pipelines.adjustments import arguments

_NEEDED = re.compile(r"requires the (\w+) library|Missing optional dependencies: (\w+)")
"""How transformers says that a library of the model is missing."""
SAFE = {"use_safetensors": True}
"""How weights are loaded: never from a pickle."""
UNLIMITED = 1_000_000
"""A tokenizer that claims to take more tokens than this says nothing about its model."""
UNLOADABLE = (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError)
"""What transformers raises for files that are incomplete or do not fit together."""
HEADLESS = ("feature-extraction", "image-feature-extraction")
"""Pipelines that need no trained head."""
SPOKEN = "text-to-audio"
SINGLE = (SPOKEN, "depth-estimation", "table-question-answering")
"""Pipelines that run in single precision everywhere: rounding to half precision can be heard, and those of depth and
of TAPAS make arrays of NumPy, which has no bfloat16."""
SPECTROGRAMS = ("speecht5", "fastspeech2_conformer")
"""Kinds of model that make spectrograms, which a vocoder turns into sound."""
VOCODERS = ("SpeechT5HifiGan", "FastSpeech2ConformerHifiGan")
"""Kinds of vocoder."""


def pipe_of(job: Job, pipeline_task: str | None = None) -> Any:
    """Load the pipeline of a job's own model; as `load`.

    Args:
        job: The job.
        pipeline_task: Name of the transformers pipeline, where it is another one than the job's task.
    """
    return load(pipeline_task or job.task, folder_of(job), job.device, job.base)


def folder_of(job: Job) -> Path:
    """Return the folder of the job's model.

    Raises:
        ModelError: There is none.
    """
    if job.model is None:
        raise ModelError(f"This model cannot do {job.task}.")
    return job.model


def load(pipeline_task: str, folder: Path, device: str = AUTO, base: Path | None = None) -> Any:
    """Load a model once per process, from safetensors only and without running code that came with it.

    Args:
        pipeline_task: Name of a transformers pipeline, e.g. `object-detection`.
        folder: The model's files.
        device: See `tools.experts.devices`.
        base: Files of the model that an adapter changes, or of the vocoder of a model that makes spectrograms.

    Returns:
        A `transformers.Pipeline` whose tokenizer, if it has one, knows how many tokens the model takes.

    Raises:
        ModelError: The files are incomplete, or of a model that was not trained for this.
        SetupError: A library that this model needs is missing, or there is no such device.
    """
    return _load(pipeline_task, folder, device, base)


@cache
def _load(pipeline_task: str, folder: Path, device: str, base: Path | None) -> Any:
    if not is_adapter(folder):
        return _loaded(pipeline_task, folder, device, base)
    # The adapter may bring the layers that its base lacks.
    pipe = _loaded(pipeline_task, _base(base), device, None, trained=False)
    pipe.model = merged(pipe.model, folder)
    return pipe


def _loaded(pipeline_task: str, folder: Path, device: str, base: Path | None, trained: bool = True) -> Any:
    if not any(folder.glob("*.safetensors")):
        raise ModelError("This model has no weights in the safetensors format; no other format is loaded.")
    with explained():
        pipe = _pipeline(pipeline_task, folder, device, base)
        if trained:
            _check_trained(pipe, folder)
    _limit(pipe)
    return pipe


@contextmanager
def explained() -> Iterator[None]:
    """Raise what transformers says of a model that cannot be loaded as errors that say what to do; see `load`."""
    from safetensors import SafetensorError

    try:
        yield
    except HuggingGPTError:
        raise
    except (ImportError, *UNLOADABLE, SafetensorError) as error:
        if needed := _NEEDED.search(str(error)):
            raise missing(needed[1] or needed[2]) from error
        if isinstance(error, ImportError):
            raise SetupError(f"A library that this model needs is missing: {_line(error)}") from error
        raise ModelError(f"This model cannot be loaded: {_line(error)}") from error


def missing(library: str) -> SetupError:
    """Return the error of a model that cannot work without a library."""
    return SetupError(f"This model needs {library}, which is not installed: pip install {library}.")


def _pipeline(pipeline_task: str, folder: Path, device: str, base: Path | None) -> Any:
    import torch
    from transformers import pipeline

    where = device_for(device)
    dtype = torch.float32 if pipeline_task in SINGLE else dtype_for(where)
    options = {"vocoder": _vocoder(base).to(where)} if _needs_vocoder(pipeline_task, folder) else {}
    return pipeline(
        pipeline_task,
        model=str(folder),
        device=where,
        dtype=dtype,
        trust_remote_code=False,
        **arguments(folder),
        **options,
    )


def _base(base: Path | None) -> Path:
    if base is None:
        raise ModelError("This is an adapter: the model that it was trained on has to be given as its base.")
    return base


def _needs_vocoder(pipeline_task: str, folder: Path) -> bool:
    from transformers import AutoConfig

    return pipeline_task == SPOKEN and AutoConfig.from_pretrained(folder).model_type in SPECTROGRAMS


def _vocoder(folder: Path | None) -> Any:
    import transformers

    if folder is None:
        raise ModelError("This model makes spectrograms: a vocoder for them has to be given as its base.")
    kind = (transformers.AutoConfig.from_pretrained(folder).architectures or [""])[0]
    if kind not in VOCODERS:
        raise ModelError(f"The base of this model has to be a vocoder ({' or '.join(VOCODERS)}).")
    return getattr(transformers, kind).from_pretrained(folder, **SAFE).eval()


def _check_trained(pipe: Any, folder: Path) -> None:
    """Refuse a model without the layers its task needs: transformers fills them with random numbers."""
    kind, saved = type(pipe.model), pipe.model.config.architectures or []
    if pipe.task in HEADLESS or kind.__name__ in saved:
        return
    _, info = kind.from_pretrained(folder, output_loading_info=True, **SAFE)
    if info["missing_keys"]:
        raise ModelError(f"This model ({', '.join(saved)}) was not trained for {pipe.task}.")


def _limit(pipe: Any) -> None:
    """Tell the tokenizer how many tokens the model takes, where its own files do not."""
    tokenizer = pipe.tokenizer
    config = getattr(pipe.model.config, "text_config", pipe.model.config)
    places = getattr(config, "max_position_embeddings", None)
    if tokenizer is not None and places and tokenizer.model_max_length > UNLIMITED:
        # RoBERTa and its kin begin to count at 2.
        tokenizer.model_max_length = places - 2


def _line(error: Exception) -> str:
    """Return the line of a message that names the cause: transformers lists tracebacks and puts it last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1 if "Traceback" in str(error) else 0]
