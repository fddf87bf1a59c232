"""Sentence embeddings with all-MiniLM-L6-v2, the model behind planning, similarity and zero-shot choice."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = 384
"""Numbers per vector."""
BATCH = 32
"""Texts per forward pass."""
MAX_TOKENS = 256
"""Longer texts are cut here, as the model was trained (see its `sentence_bert_config.json`)."""


def embed(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed texts so that the dot product of two rows is their cosine similarity.

    The model is loaded at the first call and kept for the life of the process. The number of threads is torch's,
    which the process that calls has set to its share of the cores.

    Args:
        folder: Folder with the model's configuration, tokenizer and safetensors.
        texts: Any number of texts.

    Returns:
        Array of shape [len(texts), 384]; each row has length 1.

    Raises:
        OSError: The folder holds no model.
    """
    if not texts:
        return np.zeros((0, SIZE), np.float32)
    # Texts of like length share a batch, so that little padding is computed.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = np.concatenate([_embed_batch(folder, [texts[i] for i in part]) for part in _parts(order)])
    result = np.empty_like(vectors)
    result[order] = vectors
    return result


def _parts(order: Sequence[int]) -> Iterator[Sequence[int]]:
    return (order[start : start + BATCH] for start in range(0, len(order), BATCH))


@cache
def _load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = AutoModel.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    return tokenizer, model.eval()


def _embed_batch(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Mean of the token vectors, padding left out, scaled to length 1 (Reimers and Gurevych, arXiv 1908.10084)."""
    import torch

    tokenizer, model = _load(folder)
    tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1)
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=-1).numpy()
    return vectors
