"""Digests of fitted models: the same fit is the same value, in every process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interlock.identity.digest import digest_value


def data(shift: float = 0.0) -> tuple[Any, Any]:
    rows = np.random.default_rng(0).normal(size=(80, 3)) + shift
    return rows, (rows[:, 0] > shift).astype(int)


def scikit(shift: float = 0.0) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*data(shift))


def forest(shift: float = 0.0) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(3, random_state=0).fit(*data(shift))


def xgboost(shift: float = 0.0) -> Any:
    found = pytest.importorskip("xgboost")
    return found.XGBClassifier(n_estimators=3, n_jobs=1).fit(*data(shift))


def lightgbm(shift: float = 0.0) -> Any:
    found = pytest.importorskip("lightgbm")
    return found.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(*data(shift))


MODELS = [scikit, forest, xgboost, lightgbm]


@pytest.mark.parametrize("fit", MODELS)
def test_the_same_fit_is_the_same_value_and_another_is_another(fit: Callable[..., Any]) -> None:
    first = digest_value(fit())
    assert digest_value(fit()) == first
    assert digest_value(pickle.loads(pickle.dumps(fit()))) == first
    assert digest_value(fit(shift=1.0)) != first


@pytest.mark.parametrize("fit", MODELS)
def test_a_prediction_leaves_no_trace_in_a_model(fit: Callable[..., Any]) -> None:
    model = fit()
    before = digest_value(model)
    model.predict(data()[0])
    assert digest_value(model) == before


def test_digests_are_the_same_in_a_process_with_other_hashes() -> None:
    value = {"b": {"x", "y", "z"}, "a": [frozenset({1, "q"}), {("k", 1): None}]}
    script = f"from interlock.identity.digest import digest_value; print(digest_value({value!r}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {digest_value(value)}
