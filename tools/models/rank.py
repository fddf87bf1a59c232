"""The order of candidates without a language model: availability, likeness to the request, downloads."""

import math
import re
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.models.candidates import FIRST
from tools.models.model import Model

Embed = Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]]
"""Turns texts into rows of length 1; see `tools.experts.embedder`."""
PER_TENFOLD = 0.02
"""Likeness that ten times as many downloads make up for."""


async def ranked(models: Sequence[Model], request: str, embed: Embed) -> list[Model]:
    """Return candidates that can run, best first.

    Likeness is the cosine of the sentence vectors of the request and of the model's name and description; names such as
    `opus-mt-en-de` often say more. Downloads decide among models that fit about as well. Both are looked at only where
    several models are equally available. `benchmarks.selection` scores this order.

    Args:
        models: Candidates.
        request: What the user asked for.
        embed: The sentence model.
    """
    if len({FIRST[model.source] for model in models}) == len(models):
        return sorted(models, key=lambda model: FIRST[model.source])
    vectors = await embed([request, *map(_described, models)])
    worth = {
        model.id: float(vectors[0] @ row) + PER_TENFOLD * math.log10(1 + model.downloads)
        for model, row in zip(models, vectors[1:], strict=True)
    }
    return sorted(models, key=lambda one: (FIRST[one.source], -worth[one.id]))


def _described(model: Model) -> str:
    return f"{re.sub(r'[/_.-]+', ' ', model.id)}: {model.about}"
