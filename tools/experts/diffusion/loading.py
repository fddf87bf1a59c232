"""Loading diffusion pipelines from a folder: safetensors only, and no code that came with them."""

import json
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.errors import ModelError, SetupError
from tools.experts.devices import AUTO, device_for, dtype_for

INDEX = "model_index.json"
"""The file that names a pipeline's class and those of its parts."""
SAFE = {"use_safetensors": True, "local_files_only": True, "trust_remote_code": False}
SINGLE = ("LDMSuperResolutionPipeline",)
"""Pipelines that run in single precision everywhere: they make arrays of NumPy, which has no bfloat16."""
ROOM = 0.7
"""Share of the free GPU memory that weights may take; the rest is for the computation."""


@cache
def load(folder: Path, device: str = AUTO, adapter: Path | None = None) -> Any:
    """Load a pipeline of the class that its folder names, once per process.

    On CUDA, a pipeline too large for the free memory keeps its parts in main memory and moves each to the GPU
    when it has its turn.

    Args:
        folder: A pipeline's files.
        device: See `tools.experts.devices`.
        adapter: Folder of a low-rank adapter (LoRA: Hu et al., arXiv 2106.09685) that was trained for it.

    Returns:
        A `diffusers.DiffusionPipeline`.

    Raises:
        ModelError: The folder holds no pipeline, or one with classes that are not of diffusers or transformers.
        SetupError: The library for adapters is missing.
    """
    import torch
    from diffusers import DiffusionPipeline

    single = check(folder) in SINGLE
    quiet()
    where = device_for(device)
    dtype = torch.float32 if single else dtype_for(where)
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=dtype, variant=variant(folder), **SAFE)
    if adapter:
        _adapt(pipe, adapter)
    return placed(pipe, where)


def _adapt(pipe: Any, adapter: Path) -> None:
    if find_spec("peft") is None:
        raise SetupError('A LoRA needs the library peft: pip install "hugginggpt[adapters]".')
    pipe.load_lora_weights(adapter, use_safetensors=True, local_files_only=True)


def check(folder: Path) -> str:
    """Make sure that a folder's pipeline and its parts are classes of diffusers and transformers.

    Returns:
        The name of the pipeline's class.

    Raises:
        ModelError: It is no pipeline, or names other classes.
    """
    import diffusers

    try:
        index = json.loads((folder / INDEX).read_text())
        name, parts = index["_class_name"], {key: index[key] for key in index if not key.startswith("_")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{folder.name} is no diffusion pipeline: its {INDEX} cannot be read.") from error
    kind = getattr(diffusers, str(name), None)
    if not isinstance(kind, type) or not issubclass(kind, diffusers.DiffusionPipeline):
        raise ModelError(f"{folder.name} needs {name}, which is no pipeline of the diffusers installed here.")
    libraries = {str(part[0]) for part in parts.values() if isinstance(part, list) and part and part[0]}
    if foreign := sorted(library for library in libraries if not _is_known(library)):
        raise ModelError(f"{folder.name} needs code that is not of diffusers or transformers: {foreign[0]}.")
    return str(name)


def _is_known(library: str) -> bool:
    """Tell whether a part's library is one of the two or, for parts that only one pipeline has, its module."""
    if library in ("diffusers", "transformers"):
        return True
    return library.isidentifier() and find_spec(f"diffusers.pipelines.{library}") is not None


def quiet() -> None:
    """Let diffusers load without progress bars and without advice for the authors of models."""
    import diffusers

    diffusers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"diffusers\.")


def variant(folder: Path) -> str | None:
    """Return `fp16` for a pipeline that has a part in half precision only, else None."""
    halves = folder.glob("*/*.fp16*.safetensors")
    parts = {path.parent for path in halves}
    return (
        "fp16"
        if any(all(".fp16" in path.name for path in part.glob("*.safetensors")) for part in parts)
        else None
    )


def placed(pipe: Any, device: Any) -> Any:
    """Move a pipeline to a device and silence its progress bars."""
    import torch

    pipe.set_progress_bar_config(disable=True)
    if device.type == "cuda" and _bytes(pipe) > ROOM * torch.cuda.mem_get_info(device)[0]:
        pipe.enable_model_cpu_offload(device=device)
        return pipe
    return pipe.to(device)


def _bytes(pipe: Any) -> int:
    import torch

    models = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    return sum(tensor.nbytes for model in models for tensor in model.parameters())
