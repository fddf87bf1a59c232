"""Predictions for the rows of a table, in one form whoever made them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from tools.experts import tables
from tools.experts.engine import Job
from tools.outputs import Draft

SHOWN = 20
"""Most rows that are read out."""
KEPT = 1000
"""Most rows that are kept as data; the file holds all."""


def predicted(values: Sequence[Any], job: Job, shares: Sequence[Mapping[str, float]] = ()) -> Draft:
    """Tell what was predicted.

    Args:
        values: One class or number per row of `job.inputs["table"]`; a list of them for several outputs.
        job: The task.
        shares: For each row the probability of each class, by the class's name; empty when they are not known.

    Returns:
        A line per row as text; `[{"prediction": ..., "probabilities": {...}}, ...]` as data, without the
        probabilities when they are not known; the table with a column `prediction` as a CSV file.

    Raises:
        ValueError: There are not as many values as rows.
    """
    path = job.out / "predictions.csv"
    tables.save(path, {**tables.columns(job.inputs["table"]), "prediction": values, **_by_class(shares)})
    lines = [_said(value) for value in values[:SHOWN]]
    if len(values) > SHOWN:
        lines.append(f"... and {len(values) - SHOWN} more rows in the file.")
    data: list[JsonValue] = [{"prediction": value} for value in values[:KEPT]]
    if shares:
        data = [
            {"prediction": value, "probabilities": {name: round(share, 4) for name, share in row.items()}}
            for value, row in zip(values[:KEPT], shares, strict=False)
        ]
    return Draft(text="\n".join(lines), data=data, files=(path,))


def _by_class(shares: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {f"probability of {name}": [row[name] for row in shares] for name in (shares[0] if shares else ())}


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
