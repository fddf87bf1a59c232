"""The order of candidates without a language model: availability, likeness to the request, downloads."""

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.models.candidates import FIRST
from tools.models.model import Model

Embed = Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]]
"""Turns texts into rows of length 1; see `tools.experts.embedder`."""


async def ranked(models: Sequence[Model], request: str, embed: Embed) -> list[Model]:
    """Return candidates that can run, best first.

    Likeness is the cosine of the request's and the description's sentence vectors, to one decimal, so that downloads
    decide among descriptions that fit about as well. It is looked at only where several models are equally available.

    Args:
        models: Candidates.
        request: What the user asked for.
        embed: The sentence model.
    """
    if len({FIRST[model.source] for model in models}) == len(models):
        return sorted(models, key=lambda model: FIRST[model.source])
    vectors = await embed([request, *(model.about for model in models)])
    likeness = {
        model.id: round(float(vectors[0] @ row), 1) for model, row in zip(models, vectors[1:], strict=True)
    }
    return sorted(models, key=lambda one: (FIRST[one.source], -likeness[one.id], -one.downloads))
