"""scikit-learn estimators through skops: a file format that names types and runs no code of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.base import UnreadableArtifact, Unstorable, Written

TRUSTED = frozenset(
    {
        "_loss.CyAbsoluteError",
        "_loss.CyExponentialLoss",
        "_loss.CyHalfBinomialLoss",
        "_loss.CyHalfGammaLoss",
        "_loss.CyHalfMultinomialLoss",
        "_loss.CyHalfPoissonLoss",
        "_loss.CyHalfSquaredError",
        "_loss.CyPinballLoss",
        "collections.OrderedDict",
        "numpy.dtype",
        "sklearn._loss._loss.CyAbsoluteError",
        "sklearn._loss._loss.CyExponentialLoss",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfGammaLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyHalfPoissonLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn._loss._loss.CyPinballLoss",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
    }
)
"""Types that skops does not know and that scikit-learn's own estimators are made of."""


class EstimatorFormat:
    """scikit-learn estimators."""

    name = "skops"

    def handles(self, value: Any) -> bool:
        return any(kind.__module__.startswith("sklearn.") for kind in type(value).__mro__) and hasattr(
            value, "get_params"
        )

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        io = require("skops.io", extra="sklearn")
        try:
            data = io.dumps(value)
            unknown = sorted(set(io.get_untrusted_types(data=data)) - TRUSTED)
        except Exception as error:  # noqa: BLE001 - estimators hold anything; whatever fails, it cannot be kept
            raise Unstorable(
                f"{type(value).__name__} cannot be written by skops: {error}.", hint=_WAY_OUT
            ) from error
        if unknown:
            raise Unstorable(
                f"{type(value).__name__} holds types that are not on the list of trusted ones: "
                f"{', '.join(unknown)}.",
                hint=_WAY_OUT,
            )
        return Written(data, meta={"sklearn": require("sklearn", extra="sklearn").__version__})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        io = require("skops.io", extra="sklearn")
        data = path.read_bytes()
        unknown = sorted(set(io.get_untrusted_types(data=data)) - TRUSTED)
        if unknown:
            raise UnreadableArtifact(
                f"The stored {artifact.type} holds types that are not trusted: {', '.join(unknown)}."
            )
        return io.loads(data, trusted=sorted(set(io.get_untrusted_types(data=data)) & TRUSTED))


_WAY_OUT = "Allow pickle for this step: @step(pickle=True); such a model is not served."
