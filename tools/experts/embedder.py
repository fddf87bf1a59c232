"""Sentence embeddings for the planner, in the worker that serves similarity and zero-shot tasks too."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.assets import ASSETS, resolve
from tools.embeddings import embed as embed_here
from tools.errors import SetupError
from tools.experts import workers
from tools.patience import patiently

ASSET = "minilm"


async def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed texts with the embedded sentence model, fetching it first where needed.

    Returns:
        Array of shape [len(texts), 384]; each row has length 1.

    Raises:
        SetupError: The model's files cannot be had.
        ModelError: The worker failed.
    """
    folder = await patiently(resolve, ASSET)
    if folder is None:
        raise SetupError(f"The asset {ASSET} lists no files.")
    needs = workers.Needs(ASSETS[ASSET].size, light=True)
    return await workers.call(ASSETS[ASSET].model, embed_here, folder, list(texts), needs=needs)
