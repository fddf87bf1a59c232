"""Cross-validate the retrieval planner's weights: what fitting them would gain on requests they were not fitted to.

`python -m benchmarks.weights DATA.jsonl [--folds 5]` prints n-F1 and e-F1 of every fold, with the weights as they
are and with weights fitted to the other folds by coordinate search, and the mean and spread of both.
"""

import argparse
import asyncio
import json
import random
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.taskbench import embedder
from benchmarks.taskbench_predict import Planner, by_retrieval, predict
from benchmarks.taskbench_scores import Sample, edges, f1, nodes
from graph.planners.retrieval import Embed
from graph.planners.retrieval_weights import WEIGHTS

FACTORS = (0.5, 0.75, 1.25, 1.5)
"""What a weight is tried times."""


def remembered(embed: Embed) -> Embed:
    """Return an embedding model that computes every text once."""
    known: dict[str, Any] = {}

    async def embed_new(texts: Sequence[str]) -> Any:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, await embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return embed_new


async def scores(
    samples: Sequence[Sample], planner: Planner, weights: Mapping[str, float]
) -> tuple[float, float]:
    """Return n-F1 and e-F1 of some samples with some weights."""
    with patch.dict(WEIGHTS, weights):
        predicted = [await predict(sample, planner) for sample in samples]
    pairs = list(zip(predicted, samples, strict=True))
    return f1((nodes(p), nodes(s)) for p, s in pairs), f1((edges(p), edges(s)) for p, s in pairs)


async def fitted(samples: Sequence[Sample], planner: Planner) -> dict[str, float]:
    """Return weights with the best n-F1 + e-F1, changing one after the other, once each."""
    best = dict(WEIGHTS)
    score = sum(await scores(samples, planner, best))
    for name in track(list(WEIGHTS), "Fitting", console=Console(stderr=True)):
        for factor in FACTORS:
            tried = {**best, name: WEIGHTS[name] * factor}
            if (found := sum(await scores(samples, planner, tried))) > score:
                best, score = tried, found
    return best


async def cross_validate(samples: Sequence[Sample], folds: int) -> None:
    """Print the scores of every fold, then mean and spread."""
    planner = by_retrieval(remembered(embedder()))
    mixed = random.Random(0).sample(list(samples), len(samples))
    as_is, fit = [], []
    for fold in range(folds):
        held, rest = mixed[fold::folds], [s for at, s in enumerate(mixed) if at % folds != fold]
        as_is.append(await scores(held, planner, {}))
        fit.append(await scores(held, planner, await fitted(rest, planner)))
        print(f"fold {fold + 1}: as they are {as_is[-1]}, fitted to the others {fit[-1]}", flush=True)
    for name, found in (("as they are", as_is), ("fitted", fit)):
        told = (
            f"{label} {statistics.mean(row):.1f} ± {statistics.stdev(row):.1f}" for label, row in _rows(found)
        )
        print(f"{name}: {', '.join(told)}")


def _rows(found: Sequence[tuple[float, float]]) -> list[tuple[str, list[float]]]:
    return [("n-F1", [n for n, _ in found]), ("e-F1", [e for _, e in found])]


def main() -> None:
    """Read the arguments and cross-validate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", help="sample files")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    lines = [line for file in options.data for line in file.read_text(encoding="utf-8").splitlines()]
    asyncio.run(cross_validate([json.loads(line) for line in lines if line.strip()], options.folds))


if __name__ == "__main__":
    main()
