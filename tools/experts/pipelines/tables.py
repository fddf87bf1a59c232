"""Questions about tables: TAPAS (Herzig et al., arXiv 2004.02349) and TAPEX (Liu et al., arXiv 2107.07653)."""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

from tools.errors import InputError, SetupError
from tools.experts.engine import Job, Run
from tools.experts.pipelines.loading import pipe_of
from tools.experts.provider_replies import table_answer
from tools.outputs import Draft

MAX_NEW_TOKENS = 64
AGGREGATORS: dict[str, Callable[[Sequence[float]], float]] = {"SUM": sum, "AVERAGE": fmean}
"""What TAPAS can ask to be computed from numbers; it can also ask to COUNT cells."""


def _question(job: Job) -> Draft:
    """Answer `question` from `table`.

    Returns:
        The answer; data has `answer` and the `cells` it was taken from, none for models that write it themselves.
        A sum, an average or a count that the model asks for is computed.
    """
    if not (question := job.inputs["question"].strip()):
        raise InputError("The question is empty.")
    table, pipe = _table(job.inputs["table"]), pipe_of(job)
    if pipe.type != "tapas":
        return table_answer({"answer": _written(pipe, table, question)}, job)
    reply = pipe(table=table, query=question)
    cells = [str(cell) for cell in reply["cells"]]
    return table_answer({"answer": computed(reply.get("aggregator", ""), cells), "cells": cells}, job)


def computed(aggregator: str, cells: Sequence[str]) -> str:
    """Return what an aggregator of TAPAS makes of cells.

    Args:
        aggregator: `NONE`, `SUM`, `AVERAGE` or `COUNT`.
        cells: Texts of cells; SUM and AVERAGE need numbers, which may have units and thousands separators.
    """
    if aggregator == "COUNT":
        return str(len(cells))
    numbers = [number for cell in cells if (number := _number(cell)) is not None]
    if aggregator in AGGREGATORS and numbers and len(numbers) == len(cells):
        return f"{AGGREGATORS[aggregator](numbers):.10g}"
    return ", ".join(cells) or "No cell of the table answers this."


def _number(cell: str) -> float | None:
    found = re.search(r"-?\d[\d,]*(\.\d+)?|-?\.\d+", cell)
    return float(found[0].replace(",", "")) if found else None


def _table(path: str) -> Any:
    """Read a table as a pandas frame of texts."""
    try:
        pandas: Any = import_module("pandas")
    except ImportError as error:
        raise SetupError('Tables need the pandas library: pip install "hugginggpt[tabular]".') from error
    name = Path(path).name
    try:
        separator = "\t" if name.lower().endswith(".tsv") else ","
        table = pandas.read_csv(
            path, sep=separator, dtype=object, index_col=False, keep_default_na=False, encoding="utf-8-sig"
        ).fillna("")
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read as a table: {error}.") from error
    if table.empty:
        raise InputError(f"{name} has no rows.")
    return table


def _written(pipe: Any, table: Any, question: str) -> str:
    """Let a sequence-to-sequence model write the answer, reading the table as TAPEX was trained to."""
    import torch

    text = linear(question, list(table.columns), table.values.tolist())
    tokens = pipe.tokenizer(text, truncation=True, return_tensors="pt").to(pipe.device)
    with torch.inference_mode():
        written = pipe.model.generate(tokens["input_ids"], max_new_tokens=MAX_NEW_TOKENS)
    return str(pipe.tokenizer.decode(written[0], skip_special_tokens=True)).strip()


def linear(question: str, columns: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Write a question and a table in one line: `question col : a | b row 1 : 1 | 2 row 2 : 3 | 4`."""
    head = f"{question} col : {' | '.join(map(str, columns))}"
    lines = (f"row {number} : {' | '.join(map(str, row))}" for number, row in enumerate(rows, 1))
    return " ".join([head, *lines]).lower()


TASKS: dict[str, Run] = {"table-question-answering": _question}
"""What is done here, by task row."""
