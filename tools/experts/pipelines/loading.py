"""Loading transformers pipelines."""

from functools import cache
from pathlib import Path
from typing import Any

from tools.experts.devices import AUTO, device_for, dtype_for


@cache
def load(pipeline_task: str, folder: Path, device: str = AUTO) -> Any:
    """Load a model once per process, from safetensors only and without running code that came with it.

    Args:
        pipeline_task: Name of a transformers pipeline, e.g. `object-detection`.
        folder: The model's files.
        device: See `tools.experts.devices`.

    Returns:
        A `transformers.Pipeline`.
    """
    from transformers import pipeline

    where = device_for(device)
    return pipeline(
        pipeline_task,
        model=str(folder),
        device=where,
        dtype=dtype_for(where),
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
