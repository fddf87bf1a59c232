"""What the tests of tables share: saving a model as on the Hub, and asking it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import skops.io

from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.outputs import Draft

CLASSIFY, REGRESS = ENGINES["skops"].tasks


def saved(folder: Path, estimator: Any, **config: Any) -> Path:
    """Save a model as on the Hub."""
    folder.mkdir()
    skops.io.dump(estimator, folder / "model.skops")
    if config:
        (folder / "config.json").write_text(json.dumps({"sklearn": config}))
    return folder


def job(folder: Path, table: str, task: str = CLASSIFY, suffix: str = ".csv") -> Job:
    path, out = folder / f"people{suffix}", folder / "out"
    path.write_text(table)
    out.mkdir(exist_ok=True)
    return Job(task=task, model=folder, inputs={"table": str(path)}, out=out)


def do(*args: Any, **more: Any) -> Draft:
    return run_job(ENGINES["skops"], job(*args, **more))


def data(draft: Draft) -> list[dict[str, Any]]:
    assert isinstance(draft.data, list)
    return [row for row in draft.data if isinstance(row, dict)]


def rows(draft: Draft) -> list[dict[str, str]]:
    with draft.files[0].open(newline="") as file:
        return list(csv.DictReader(file))


def sixty_rows() -> tuple[Any, Any]:
    """Return 60 rows of two numbers, and a number for each row."""
    x = np.random.default_rng(0).random((60, 2))
    return x, 3 * x[:, 0] + x[:, 1]
