"""Loading scikit-learn models from the skops format, which runs no code of the file's author."""

import zipfile
from pathlib import Path
from typing import Any

from tools.errors import ModelError
from tools.experts.trees import check_trees

KERNELS = (
    "CompoundKernel",
    "ConstantKernel",
    "DotProduct",
    "Exponentiation",
    "ExpSineSquared",
    "Matern",
    "Product",
    "RBF",
    "RationalQuadratic",
    "Sum",
    "WhiteKernel",
)
TRUSTED = frozenset(
    {
        # Describes the numbers of an array; built from an empty array, without Python objects.
        "numpy.dtype",
        # A dict and classes in plain Python: skops sets their attributes and calls nothing of theirs.
        "sklearn.utils._bunch.Bunch",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        *(f"sklearn.gaussian_process.kernels.{name}" for name in KERNELS),
        # Chooses columns by type; `object` is one of the types.
        "sklearn.compose._column_transformer.make_column_selector",
        "builtins.object",
        # Numbers that are checked by `check_trees` before they are used.
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
"""Types that are loaded besides those that skops trusts itself: none runs code that a file could choose."""
UNREADABLE = (zipfile.BadZipFile, OSError, ValueError, TypeError, LookupError, AttributeError, ImportError)
"""What skops raises for a file that is damaged or of another version of a library."""


def load(path: Path) -> Any:
    """Load a model.

    Args:
        path: A file written by `skops.io.dump`.

    Returns:
        The scikit-learn estimator.

    Raises:
        ModelError: The file holds a type that is not known to be harmless, or cannot be read.
    """
    import skops.io

    try:
        found = skops.io.get_untrusted_types(file=path)
        if unknown := sorted(set(found) - TRUSTED):
            raise ModelError(
                f"{path.name} is not loaded: it holds the type {unknown[0]}, which is not known to be harmless."
            )
        model = skops.io.load(path, trusted=sorted(TRUSTED & set(found)))
        check_trees(model)
    except UNREADABLE as error:
        raise ModelError(
            f"{path.name} cannot be read by skops: {str(error).partition(chr(10))[0]}"
        ) from error
    return model
