"""Tables: real small estimators in the skops format, through the production path."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tabular_models import CLASSIFY, REGRESS, data, do, job, rows, saved, sixty_rows

from tools.errors import InputError, ModelError
from tools.experts import predictions, tables, workers
from tools.experts.engines import ENGINES, run_job


@pytest.fixture(autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A model that tells by age and town who comes, with its columns in `config.json` only."""
    frame = {"age": [20.0, 30.0, 60.0, 70.0], "town": ["01067", "01067", "99", "99"]}
    rows = np.array(list(zip(*frame.values(), strict=True)), dtype=object)
    parts = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [0]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), [1]),
        ]
    )
    model = make_pipeline(parts, LogisticRegression()).fit(rows, ["yes", "yes", "no", "no"])
    return saved(
        tmp_path / "model", model, columns=["age", "town"], example_input=frame, model={"file": "model.skops"}
    )


@pytest.mark.parametrize("mark", [",", "\t"])
def test_classes_with_probabilities(people: Path, mark: str) -> None:
    table = "name,town,age\nAda,01067,25\nBob,99,65\nEve,99,\n".replace(",", mark)
    draft = do(people, table, suffix=".csv" if mark == "," else ".tsv")
    assert draft.text == "yes\nno\nno"
    ada, bob, _ = data(draft)
    assert (ada["prediction"], bob["prediction"]) == ("yes", "no")
    assert ada["probabilities"]["yes"] > 0.7
    assert sum(bob["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert rows(draft)[0].keys() == {
        "name", "town", "age", "prediction", "probability of no", "probability of yes",
    }  # fmt: skip
    assert (rows(draft)[0]["name"], rows(draft)[0]["town"], rows(draft)[0]["prediction"]) == (
        "Ada", "01067", "yes",
    )  # fmt: skip


def test_columns_are_taken_by_name_and_cells_as_they_were_fitted(people: Path) -> None:
    both = [
        do(people, f"{head}\n{row}\n").data for head, row in (("age,town", "65,99"), ("town,age", "99,65"))
    ]
    assert both[0] == both[1]
    unknown, known = (do(people, f"age,town\n65,{town}\n").data for town in ("5", "99"))
    assert unknown != known, "a town is a text, also where it looks like a number"


def test_missing_columns_are_named(people: Path) -> None:
    with pytest.raises(InputError, match=r"^people\.csv lacks columns that this model needs: age, town\.$"):
        do(people, "name\nAda\n")
    with pytest.raises(InputError, match="has no rows"):
        do(people, "age,town\n")


@pytest.fixture(scope="module")
def numbers() -> tuple[Any, Any]:
    return sixty_rows()


async def test_numbers_in_a_worker(tmp_path: Path, numbers: tuple[Any, Any]) -> None:
    import pandas

    frame = pandas.DataFrame(numbers[0], columns=["width", "height"])
    model = RandomForestRegressor(5, random_state=0).fit(frame, numbers[1])
    folder = saved(tmp_path / "model", model)
    asked = job(folder, "height,width\n0.9,0.9\n0.1,0.1\n", REGRESS)
    draft = await workers.call("a/forest", run_job, ENGINES["skops"], asked)
    wanted = model.predict(pandas.DataFrame({"width": [0.9, 0.1], "height": [0.9, 0.1]}))
    assert data(draft) == [{"prediction": value} for value in wanted]
    assert [float(row["prediction"]) for row in rows(draft)] == wanted.tolist()
    assert draft.text.splitlines()[0] == f"{wanted[0]:.6g}"


def test_many_rows_are_cut(tmp_path: Path, numbers: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "KEPT", 30)
    folder = saved(tmp_path / "model", LinearRegression().fit(*numbers))
    draft = do(folder, "a,b\n" + "0.5,0.5\n" * 50, REGRESS)
    assert draft.text.splitlines()[-1] == "... and 30 more rows in the file."
    assert len(draft.text.splitlines()) == predictions.SHOWN + 1
    assert len(data(draft)) == 30
    assert len(rows(draft)) == 50


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: GradientBoostingClassifier(n_estimators=2).fit(x, y > 2),
        lambda x, y: GradientBoostingClassifier(n_estimators=2).fit(x, y.astype(int)),
        lambda x, y: HistGradientBoostingRegressor(max_iter=2).fit(x, y),
        lambda x, y: MLPRegressor(hidden_layer_sizes=(2,), max_iter=20).fit(x, y),
    ],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_kinds_that_skops_does_not_trust_by_itself(
    tmp_path: Path, numbers: tuple[Any, Any], make: Callable[..., Any]
) -> None:
    model = make(*numbers)
    folder = saved(tmp_path / "model", model)
    task = CLASSIFY if hasattr(model, "classes_") else REGRESS
    draft = do(folder, "a,b\n0.2,0.4\n0.8,0.7\n", task)
    wanted = model.predict([[0.2, 0.4], [0.8, 0.7]]).tolist()
    assert [row["prediction"] for row in data(draft)] == wanted


def test_a_model_of_the_other_kind_is_refused(people: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="predicts no numbers"):
        do(people, "age,town\n1,99\n", REGRESS)
    folder = saved(tmp_path / "other", LinearRegression().fit([[0], [1]], [0, 1]))
    with pytest.raises(ModelError, match="is no classifier"):
        do(folder, "a\n1\n")


def test_cells_that_a_model_cannot_do_with(tmp_path: Path, numbers: tuple[Any, Any]) -> None:
    folder = saved(tmp_path / "model", LinearRegression().fit(*numbers))
    with pytest.raises(ModelError, match=r"^The model cannot do with this table: .*NaN"):
        do(folder, "a,b\n1,\n", REGRESS)
    with pytest.raises(ModelError, match="could not convert"):
        do(folder, "a,b\n1,tall\n", REGRESS)


def test_a_written_table_is_read_again(tmp_path: Path) -> None:
    tables.save(tmp_path / "a.csv", {"x, y": ["1\n2", '"'], "n": [1, 2.5]})
    assert tables.columns(str(tmp_path / "a.csv")) == {"x, y": ["1\n2", '"'], "n": ["1", "2.5"]}


def test_two_models_are_kept_apart(tmp_path: Path) -> None:
    first = saved(tmp_path / "first", LinearRegression().fit([[0], [1]], [0, 1]))
    second = saved(tmp_path / "second", LinearRegression().fit([[0], [1]], [0, 2]))
    assert [do(folder, "a\n1\n", REGRESS).text for folder in (first, second, first)] == ["1", "2", "1"]


def test_several_outputs(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", LinearRegression().fit([[0], [1]], [[0, 1], [1, 3]]))
    draft = do(folder, "a\n1\n", REGRESS)
    assert draft.text == "1, 3"
    assert data(draft) == [{"prediction": pytest.approx([1, 3])}]
