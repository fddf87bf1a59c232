"""Checks of fitted decision trees that come from a file.

scikit-learn follows the indices in a tree without looking whether they are inside its arrays. A file that was tampered
with could make it read foreign memory or crash (https://github.com/scikit-learn/scikit-learn/pull/34558), which is why
skops trusts no trees by itself.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import ModelError

BROKEN = "The model's file is broken: a decision tree in it points outside of itself."


def check_trees(model: Any) -> None:
    """Check all trees of an estimator, however deep they lie in it.

    Args:
        model: A scikit-learn estimator.

    Raises:
        ModelError: A node's children do not come after it, a split is by a column that there is not, or a tree lies
            where no estimator checks how many columns it is given.
    """
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.tree._tree import Tree

    for part in _parts(model):
        stray = isinstance(part, Tree | TreePredictor)
        if stray or not all(fits(part) for kinds, fits in _checks() if isinstance(part, kinds)):
            raise ModelError(BROKEN)


@cache
def _checks() -> tuple[tuple[Any, Callable[[Any], bool]], ...]:
    """Return the estimators that hold trees, and how each kind's trees are checked."""
    from sklearn import ensemble, tree

    return (
        (tree.BaseDecisionTree, _tree_fits),
        ((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _boosting_fits),
        ((ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor), _histogram_fits),
    )


OWN = {"tree_", "_predictors"}
"""Attributes whose trees the checks of their owners look at."""


def _parts(model: Any) -> Iterator[Any]:
    """Yield everything that hangs on an estimator, each once."""
    seen: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        yield part
        waiting += _inside(part)


def _inside(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return [*part.keys(), *part.values()]
    if isinstance(part, list | tuple | set | frozenset):
        return list(part)
    if isinstance(part, np.ndarray):
        return list(part.flat) if part.dtype == object else []
    if isinstance(part, type):
        return []
    checked = OWN if any(isinstance(part, kinds) for kinds, _ in _checks()) else ()
    return [value for name, value in getattr(part, "__dict__", {}).items() if name not in checked]


def _tree_fits(owner: Any) -> bool:
    tree = getattr(owner, "tree_", None)
    # scikit-learn itself holds the number of nodes to what was read.
    return tree is None or (
        owner.n_features_in_ == tree.n_features
        and _inner_fits(
            tree.children_left != -1, tree.children_left, tree.children_right, tree.feature, tree.n_features
        )
    )


def _boosting_fits(owner: Any) -> bool:
    """Gradient boosting reads the trees of its members itself, for its own columns and classes."""
    members, width = owner.estimators_, len(getattr(owner, "classes_", ())) or 1
    return members.shape[1] == (1 if width == 2 else width) and all(
        member.tree_.n_features == owner.n_features_in_ for member in members.flat
    )


def _histogram_fits(owner: Any) -> bool:
    """Categories would need more tables to be right, and a table that is read here has none."""
    return owner._preprocessor is None and all(
        not nodes["is_categorical"].any()
        and _inner_fits(
            nodes["is_leaf"] == 0, nodes["left"], nodes["right"], nodes["feature_idx"], owner.n_features_in_
        )
        for stage in owner._predictors
        for nodes in (predictor.nodes for predictor in stage)
    )


def _inner_fits(
    inner: NDArray[np.bool_], left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], width: int
) -> bool:
    """Tell whether the inner nodes lead onwards to nodes that there are; a way that goes back would never end."""
    number = np.arange(len(inner))[inner]
    children = np.stack([left[inner], right[inner]]).astype(np.int64)
    split = feature[inner].astype(np.int64)
    return bool(
        len(inner)
        and (children > number).all()
        and (children < len(inner)).all()
        and (split >= 0).all()
        and (split < width).all()
    )
