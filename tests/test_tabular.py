"""Tables: real small estimators in the skops format through the production path, and files that must not be loaded."""

import csv
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tools.errors import InputError, ModelError
from tools.experts import predictions, tables, workers
from tools.experts.engine import Job
from tools.experts.engines import ENGINES, run_job
from tools.experts.skops_file import load
from tools.outputs import Draft

CLASSIFY, REGRESS = ENGINES["skops"].tasks


@pytest.fixture(autouse=True)
def _no_workers_left() -> Iterator[None]:
    yield
    workers.shutdown()


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
    x = np.random.default_rng(0).random((60, 2))
    return x, 3 * x[:, 0] + x[:, 1]


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


RAN: list[str] = []


class Evil:
    """Notes whatever runs of it."""

    def __init__(self) -> None:
        self.value = 1

    def __new__(cls) -> "Evil":
        RAN.append("new")
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        RAN.append("setstate")

    def __reduce__(self) -> Any:
        return (RAN.append, ("reduce",))


def test_no_code_of_a_file_runs(tmp_path: Path) -> None:
    """The type is refused before anything of it is made, although it can be imported here."""
    model = LinearRegression().fit([[0], [1]], [0, 1])
    model.note = Evil()
    folder = saved(tmp_path / "model", model)
    RAN.clear()
    with pytest.raises(
        ModelError, match=r"it holds the type .*test_tabular\.Evil, .* not known to be harmless"
    ):
        do(folder, "a\n1\n", REGRESS)
    assert RAN == []
    skops.io.load(folder / "model.skops", trusted=[Evil])
    assert RAN == ["new", "setstate"], "what would have run"


def _schema(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Tamper with the description of the objects in a skops file."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema)
    members["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def _become(path: Path, module: str, name: str) -> None:
    _schema(path, lambda schema: schema.update(__module__=module, __class__=name))


@pytest.mark.parametrize(
    ("module", "name"), [("subprocess", "Popen"), ("os", "system"), ("builtins", "eval"), ("joblib", "load")]
)
def test_dangerous_types_are_named(tmp_path: Path, module: str, name: str) -> None:
    folder = saved(tmp_path / "model", LinearRegression().fit([[0], [1]], [0, 1]))
    _become(folder / "model.skops", module, name)
    with pytest.raises(ModelError, match=rf"{module}\.{name}"):
        do(folder, "a\n1\n", REGRESS)


def test_structures_of_c_that_nobody_checks_are_refused(tmp_path: Path, numbers: tuple[Any, Any]) -> None:
    folder = saved(
        tmp_path / "model", KNeighborsClassifier(algorithm="kd_tree").fit(numbers[0], numbers[1] > 2)
    )
    with pytest.raises(ModelError, match=r"sklearn\.\S+64"):
        do(folder, "a,b\n1,1\n")


def _forest(x: Any, y: Any) -> Any:
    return RandomForestRegressor(2, random_state=0).fit(x, y)


def _break_nodes(model: Any, field: str, value: int) -> Any:
    tree = model.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    return model


def _break_width(model: Any) -> Any:
    model.estimators_[0].n_features_in_ = 1
    return model


def _stray(model: Any) -> Any:
    model.estimators_[0] = model.estimators_[0].tree_
    return model


@pytest.mark.parametrize(
    "broken",
    [
        lambda x, y: _break_nodes(_forest(x, y), "left_child", 10**6),
        lambda x, y: _break_nodes(_forest(x, y), "right_child", 0),
        lambda x, y: _break_nodes(_forest(x, y), "feature", 7),
        lambda x, y: _break_nodes(_forest(x, y), "feature", -3),
        lambda x, y: _break_width(_forest(x, y)),
        lambda x, y: _stray(_forest(x, y)),
    ],
)
def test_trees_that_lead_out_of_themselves_are_refused(
    tmp_path: Path, numbers: tuple[Any, Any], broken: Callable[..., Any]
) -> None:
    folder = saved(tmp_path / "model", broken(*numbers))
    with pytest.raises(ModelError, match="points outside of itself"):
        do(folder, "a,b\n1,1\n", REGRESS)


def _boosting(x: Any, y: Any) -> Any:
    return HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5).fit(x, y)


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 9), ("is_categorical", 1)]
)
def test_histogram_trees_that_lead_out_are_refused(
    tmp_path: Path, numbers: tuple[Any, Any], field: str, value: int
) -> None:
    model = _boosting(*numbers)
    model._predictors[1][0].nodes[field][0] = value
    folder = saved(tmp_path / "model", model)
    with pytest.raises(ModelError, match="points outside of itself"):
        do(folder, "a,b\n1,1\n", REGRESS)


@pytest.mark.parametrize(
    "change", [lambda m: setattr(m, "n_features_in_", 1), lambda m: setattr(m, "classes_", np.arange(4))]
)
def test_boosted_trees_of_another_width_are_refused(
    tmp_path: Path, numbers: tuple[Any, Any], change: Callable[[Any], None]
) -> None:
    model = GradientBoostingClassifier(n_estimators=2).fit(numbers[0], numbers[1] > 2)
    change(model)
    folder = saved(tmp_path / "model", model)
    with pytest.raises(ModelError, match="points outside of itself"):
        do(folder, "a,b\n1,1\n")


def test_histogram_trees_behind_another_step_are_refused(tmp_path: Path, numbers: tuple[Any, Any]) -> None:
    model = _boosting(*numbers)
    model._preprocessor = StandardScaler().fit(numbers[0])
    folder = saved(tmp_path / "model", model)
    with pytest.raises(ModelError, match="points outside of itself"):
        do(folder, "a,b\n1,1\n", REGRESS)


def test_trees_deep_in_other_models_are_looked_at(tmp_path: Path, numbers: tuple[Any, Any]) -> None:
    forest = IsolationForest(n_estimators=2, random_state=0).fit(numbers[0])
    outer = make_pipeline(StandardScaler(), LinearRegression()).fit(*numbers)
    outer.steps[1][1].note = {"inner": [_break_nodes(forest, "left_child", 10**6)]}
    skops.io.dump(outer, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="points outside of itself"):
        load(tmp_path / "model.skops")


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib"])
def test_pickles_are_never_loaded(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / name).write_bytes(pickle.dumps(Evil()))
    (folder / "config.json").write_text(json.dumps({"sklearn": {"model": {"file": name}}}))
    RAN.clear()
    with pytest.raises(ModelError, match=rf"^{name} is not loaded, because a pickle .* skops\.io\.dump\.$"):
        do(folder, "a\n1\n")
    assert RAN == []


def test_only_files_of_the_folder_are_loaded(tmp_path: Path) -> None:
    model = LinearRegression().fit([[0], [1]], [0, 1])
    outside = saved(tmp_path / "other", model)
    folder = saved(tmp_path / "model", model, model={"file": "../other/second.skops"})
    skops.io.dump(LinearRegression().fit([[0], [1]], [0, 5]), folder / "second.skops")
    (outside / "second.skops").write_bytes(b"")
    assert do(folder, "a\n1\n", REGRESS).text == "5"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"no zip at all"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.skops").write_bytes(content)
    with pytest.raises(ModelError, match=r"^model\.skops cannot be read by skops"):
        do(tmp_path / "model", "a\n1\n")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match=r"holds no \.skops file"):
        do(tmp_path / "model", "a\n1\n")


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
