"""Classes and numbers for the rows of a table, with models of scikit-learn."""

import json
import warnings
from collections.abc import Callable
from functools import cache
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

from tools.errors import InputError, ModelError
from tools.experts import tables
from tools.experts.engine import Job
from tools.experts.predictions import predicted
from tools.experts.skops_file import load
from tools.outputs import Draft

PICKLES = {".pkl", ".pickle", ".joblib", ".dill"}
"""Suffixes of files that run whatever code their author wrote when they are loaded."""


class Fitted(NamedTuple):
    """A model as its folder describes it."""

    estimator: Any
    columns: list[str] | None
    """Names of the columns it takes, in their order; None when neither the model nor its folder says so."""
    texts: frozenset[str]
    """Columns that held texts where the example input has texts, such as the postcode `01067`."""


def run(job: Job) -> Draft:
    """Predict a class or a number for each row of the slot `table`.

    The model's folder is in the Hub's form (https://huggingface.co/docs/hub/sklearn): a `.skops` file, and in
    `config.json` under `sklearn` the `columns` in the order of fitting, `model.file` and an `example_input`.

    Raises:
        InputError: The table cannot be read or lacks a column of the model.
        ModelError: The model cannot be loaded, is of another kind, or cannot do with what is in the cells.
    """
    if job.task not in TASKS or job.model is None:
        raise ModelError(f"A scikit-learn model cannot do {job.task}.")
    return TASKS[job.task](job, _fitted(job.model))


def _classes(job: Job, fitted: Fitted) -> Draft:
    from sklearn.base import is_classifier

    if not is_classifier(fitted.estimator):
        raise ModelError(
            f"{type(fitted.estimator).__name__} is no classifier; tabular-regression may fit it."
        )
    frame = _frame(job.inputs["table"], fitted)
    values = _asked(fitted.estimator.predict, frame).tolist()
    return predicted(values, job, _shares(fitted.estimator, frame))


def _numbers(job: Job, fitted: Fitted) -> Draft:
    from sklearn.base import is_regressor

    if not is_regressor(fitted.estimator):
        raise ModelError(
            f"{type(fitted.estimator).__name__} predicts no numbers; tabular-classification may fit it."
        )
    return predicted(_asked(fitted.estimator.predict, _frame(job.inputs["table"], fitted)).tolist(), job)


TASKS: dict[str, Callable[[Job, Fitted], Draft]] = {
    "tabular-classification": _classes,
    "tabular-regression": _numbers,
}
"""What this engine can do."""


@cache
def _fitted(folder: Path) -> Fitted:
    config = _config(folder)
    estimator = load(_file(folder, config))
    names = getattr(estimator, "feature_names_in_", config.get("columns"))
    example = config.get("example_input") or {}
    texts = frozenset(name for name, cells in example.items() if any(isinstance(cell, str) for cell in cells))
    return Fitted(estimator, None if names is None else [str(name) for name in names], texts)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config: dict[str, Any] = (
            json.loads(path.read_text("utf-8")).get("sklearn", {}) if path.exists() else {}
        )
    except (ValueError, AttributeError) as error:
        raise ModelError(f"The model's config.json cannot be read: {error}.") from error
    return config


def _file(folder: Path, config: dict[str, Any]) -> Path:
    """Return the model's file; only its name is taken from the config, so that it lies in the folder."""
    named = Path(str((config.get("model") or {}).get("file", ""))).name
    found = sorted(folder.glob("*.skops"), key=lambda path: (path.name != named, path.name))
    if found:
        return found[0]
    if pickles := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES):
        raise ModelError(
            f"{pickles[0]} is not loaded, because a pickle runs any code that its author put into it; save the model "
            "again with skops.io.dump."
        )
    raise ModelError("The model's folder holds no .skops file; save the model with skops.io.dump.")


def _frame(path: str, fitted: Fitted) -> Any:
    """Return the columns that the model takes, as a data frame where it was fitted with names."""
    import pandas

    table = tables.columns(path)
    names = list(table) if fitted.columns is None else fitted.columns
    if missing := [name for name in names if name not in table]:
        raise InputError(f"{Path(path).name} lacks columns that this model needs: {', '.join(missing)}.")
    frame = pandas.DataFrame({name: _cells(table[name], name in fitted.texts) for name in names})
    return frame if hasattr(fitted.estimator, "feature_names_in_") else frame.to_numpy()


def _cells(cells: list[str], texts: bool) -> list[Any]:
    """Read a column: numbers where all its cells are numbers, else texts; an empty cell is NaN."""
    if not texts:
        try:
            return [float(cell) if cell.strip() else nan for cell in cells]
        except ValueError:
            pass
    return [cell if cell.strip() else nan for cell in cells]


def _asked(method: Callable[[Any], Any], frame: Any) -> Any:
    """Call a method of the estimator with the rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return method(frame)
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"The model cannot do with this table: {str(error).partition(chr(10))[0]}"
            ) from error


def _shares(estimator: Any, frame: Any) -> list[dict[str, float]]:
    """Return the probability of each class per row; nothing for estimators that know none."""
    if not hasattr(estimator, "predict_proba"):
        return []
    found = _asked(estimator.predict_proba, frame)
    # Estimators with several outputs return a list of arrays.
    if isinstance(found, list):
        return []
    names = [str(name) for name in estimator.classes_.tolist()]
    return [dict(zip(names, row, strict=True)) for row in found.tolist()]
