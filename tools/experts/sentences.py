"""Similarity and vectors of texts with sentence-transformers (Reimers and Gurevych, arXiv 1908.10084)."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tools.errors import InputError, ModelError
from tools.experts.devices import device_for, dtype_for
from tools.experts.engine import Job
from tools.experts.vectors import likeness, vector
from tools.outputs import Draft


def run(job: Job) -> Draft:
    """Compare two texts, or turn one into a vector.

    Raises:
        InputError: A text is empty.
        ModelError: The folder is missing or holds no such model, or it cannot do the task.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"This model cannot do {job.task}.")
    return TASKS[job.task](job, job.model)


def _similarity(job: Job, folder: Path) -> Draft:
    first, second = _embedded(job, folder, "text", "other_text")
    return likeness(float(first @ second))


def _features(job: Job, folder: Path) -> Draft:
    return vector(_embedded(job, folder, "text")[0].tolist())


TASKS: dict[str, Callable[[Job, Path], Draft]] = {
    "sentence-similarity": _similarity,
    "feature-extraction": _features,
}
"""What this engine can do, by task row."""


def _embedded(job: Job, folder: Path, *slots: str) -> Any:
    """Return vectors of length 1 of these slots' texts, of shape [slots, size].

    A longer text than the model reads is cut at its end, as the model was trained.
    """
    texts = [job.inputs[slot].strip() for slot in slots]
    if "" in texts:
        raise InputError(f"The {slots[texts.index('')]} is empty.")
    model = _model(folder, job.device)
    found = model.encode(texts, convert_to_tensor=True).float().cpu().numpy()
    # Scaled in single precision: in half precision a text would be 0.993 like itself.
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


@cache
def _model(folder: Path, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    _check(folder)
    where = device_for(device)
    try:
        return SentenceTransformer(
            str(folder),
            device=str(where),
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": dtype_for(where)},
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder.name} cannot be loaded: {line}") from error


def _check(folder: Path) -> None:
    """Refuse folders of other libraries, for which a pooling would be made up, and weights that are pickles."""
    if not (folder / "modules.json").is_file():
        raise ModelError(f"{folder.name} is no model of sentence-transformers: it has no modules.json.")
    pickled = [
        path for path in folder.rglob("pytorch_model*.bin") if not any(path.parent.glob("*.safetensors"))
    ]
    if pickled:
        raise ModelError(f"{folder.name} has weights that are no safetensors; no other format is loaded.")
