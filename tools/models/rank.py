"""The order of candidates without a language model: fitness, availability, likeness to the request, downloads."""

import math
import re
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.models.candidates import FIRST
from tools.models.model import Model
from tools.models.parts import lacks, suits

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
    models = by_place(models, request)
    if len({_place(model, request) for model in models}) == len(models):
        return models
    vectors = await embed([request, *map(_described, models)])
    worth = {
        model.id: float(vectors[0] @ row) + PER_TENFOLD * math.log10(1 + model.downloads)
        for model, row in zip(models, vectors[1:], strict=True)
    }
    return sorted(models, key=lambda one: (_place(one, request), -worth[one.id]))


def by_place(models: Sequence[Model], request: str) -> list[Model]:
    """Return candidates by availability; one that does not do the part of the task that is wanted comes last.

    Args:
        models: Candidates.
        request: What the user asked for.
    """
    return sorted(models, key=lambda model: _place(model, request))


def _place(model: Model, request: str) -> tuple[bool, int, int]:
    return lacks(model, request) is not None, FIRST[model.source], -suits(model, request)


def _described(model: Model) -> str:
    return f"{re.sub(r'[/_.-]+', ' ', model.id)}: {model.about}"
