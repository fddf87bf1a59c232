"""Vectors of pictures."""

from functools import cache
from pathlib import Path
from typing import Any

from tools.experts.devices import device_for, dtype_for
from tools.experts.engine import Job
from tools.experts.files import picture
from tools.experts.pipelines.loading import explained, folder_of
from tools.outputs import Draft


def embedding(job: Job) -> Draft:
    """Turn `image` into one vector.

    Returns:
        What the model pools itself; the mean over its patches when it has no trained pooling. Models of
        pictures and texts (CLIP, SigLIP) give the vector that is compared with texts.

    Raises:
        InputError: The file is no picture.
    """
    import torch

    model, processor, pools = _loaded(folder_of(job), job.device)
    image = picture(job.inputs["image"])
    inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
    with torch.inference_mode():
        found = getattr(model, "get_image_features", model)(**inputs)
    states = found.pooler_output if pools and "pooler_output" in found else found.last_hidden_state
    vector = [round(float(x), 6) for x in _pooled(states[0].float())]
    start = ", ".join(f"{x:.3f}" for x in vector[:4])
    return Draft(text=f"Vector of {len(vector)} numbers: {start}, ...", data=vector)


def _pooled(states: Any) -> Any:
    """Return one vector: states may be [size], [patches, size], or [size, height, width] of a convolution."""
    if states.ndim == 1:
        return states
    return states.mean(0) if states.ndim == 2 else states.mean((1, 2))


@cache
def _loaded(folder: Path, device: str) -> tuple[Any, Any, bool]:
    """Return model, image processor, and whether the weights of the model's pooling were trained.

    The library gives a classifier's checkpoint a pooling layer of random weights.
    """
    from transformers import AutoImageProcessor, AutoModel

    where = device_for(device)
    options: Any = {"trust_remote_code": False, "local_files_only": True}
    with explained():
        processor = AutoImageProcessor.from_pretrained(folder, **options)
        model, report = AutoModel.from_pretrained(
            folder, dtype=dtype_for(where), use_safetensors=True, output_loading_info=True, **options
        )
    return model.eval().to(where), processor, not any("pooler" in key for key in report["missing_keys"])
