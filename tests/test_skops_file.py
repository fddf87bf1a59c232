"""Model files that were tampered with: no code of theirs runs, and no tree in them leads out of itself."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular_models import REGRESS, do, saved, sixty_rows

from tools.errors import ModelError
from tools.experts.skops_file import load


@pytest.fixture(scope="module")
def numbers() -> tuple[Any, Any]:
    return sixty_rows()


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
        ModelError, match=r"it holds the type .*test_skops_file\.Evil, .* not known to be harmless"
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
