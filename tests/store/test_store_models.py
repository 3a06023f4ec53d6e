from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from store_sample import round_trip

from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import LocalStore
from interlock.store.formats.estimators import UntrustedTypes
from interlock.store.formats.format import UnreadableArtifact, Unstorable
from interlock.store.formats.trusted import TRUSTED

_RANDOM = np.random.default_rng(3)
_ROWS = pd.DataFrame(
    {
        "hour": _RANDOM.random(120),
        "air": _RANDOM.random(120),
        "carrier": _RANDOM.choice(["UA", "AA", "DL"], 120),
    }
)
_LATE = pd.Series(np.where(_ROWS["hour"] + _RANDOM.random(120) > 1, "late", "ok"), name="late")
_NUMBERS = _ROWS[["hour", "air"]]
_CODED = _ROWS.assign(carrier=_ROWS["carrier"].astype("category"))


def _preparing() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("codes", OrdinalEncoder(), ["carrier"]),
            ("ones", OneHotEncoder(), ["carrier"]),
            ("same", StandardScaler(), ["hour"]),
        ]
    )


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        HistGradientBoostingClassifier(max_iter=5),
        RandomForestClassifier(3),
        KNeighborsClassifier(),
        MLPClassifier((2,), max_iter=400, tol=0.1),
        lgb.LGBMClassifier(n_estimators=3, verbose=-1),
        make_pipeline(FunctionTransformer(np.tanh), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_pipeline_predicts_the_same_after_it_was_stored(artifacts: ArtifactStore, model: Any) -> None:
    pipeline = make_pipeline(_preparing(), model).fit(_ROWS, _LATE)
    back = round_trip(artifacts, pipeline)
    assert (back.predict_proba(_ROWS) == pipeline.predict_proba(_ROWS)).all()
    assert back.classes_.tolist() == ["late", "ok"]


def test_other_kinds_of_models_predict_the_same(artifacts: ArtifactStore) -> None:
    forest = IsolationForest(n_estimators=5).fit(_NUMBERS)
    poisson = PoissonRegressor().fit(_NUMBERS, _ROWS["hour"])
    text = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(_ROWS["carrier"], _LATE)
    assert (round_trip(artifacts, forest).predict(_NUMBERS) == forest.predict(_NUMBERS)).all()
    assert (round_trip(artifacts, poisson).predict(_NUMBERS) == poisson.predict(_NUMBERS)).all()
    assert (round_trip(artifacts, text).predict(_ROWS["carrier"]) == text.predict(_ROWS["carrier"])).all()


def test_an_estimator_need_not_be_fitted(artifacts: ArtifactStore) -> None:
    assert round_trip(artifacts, LogisticRegression(C=0.5)).get_params()["C"] == 0.5
    assert round_trip(artifacts, lgb.LGBMClassifier(n_estimators=7)).get_params()["n_estimators"] == 7


def _our_own(rows: Any) -> Any:
    return rows


def test_a_type_that_is_not_on_the_list_is_refused_when_it_is_saved(artifacts: ArtifactStore) -> None:
    with pytest.raises(UntrustedTypes) as caught:
        artifacts.save(FunctionTransformer(_our_own))
    assert caught.value.types == (f"{__name__}._our_own",)
    assert str(caught.value) == (
        "The sklearn.preprocessing._function_transformer.FunctionTransformer contains types that are not known "
        f"to be safe to load: {__name__}._our_own.\n  Build the model from scikit-learn's own parts. "
        "Or allow pickle for the step that returns it: @step(pickle=True)."
    )


@pytest.mark.parametrize("name", ["builtins.eval", "os.system", "subprocess.Popen"])
def test_a_hostile_file_is_refused_when_it_is_loaded(store: LocalStore, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    schema = {
        "__class__": attribute,
        "__module__": module,
        "__loader__": "TypeNode",
        "__id__": 1,
        "protocol": 2,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    artifact = Artifact("blake3:0", "skops", "sklearn.Model", 1, store.put_bytes(out.getvalue()))
    with pytest.raises(UnreadableArtifact, match=f"not known to be safe to load: {name}"):
        ArtifactStore(store).load(artifact)


def test_the_list_of_trusted_types_holds_no_way_to_run_code() -> None:
    modules = {name.partition(".")[0] for name in TRUSTED}
    assert modules == {"collections", "lightgbm", "numpy", "scipy", "sklearn", "xgboost"}


_BOOSTERS = [
    (lgb.LGBMClassifier(n_estimators=4, verbose=-1), _LATE),
    (lgb.LGBMRegressor(n_estimators=4, verbose=-1), _ROWS["hour"]),
    (xgb.XGBClassifier(n_estimators=4, enable_categorical=True), (_LATE == "late").astype(int)),
    (xgb.XGBRegressor(n_estimators=4, enable_categorical=True), _ROWS["hour"]),
]


@pytest.mark.parametrize(("model", "target"), _BOOSTERS, ids=lambda one: type(one).__name__)
def test_a_booster_predicts_the_same_and_keeps_what_it_knows(
    artifacts: ArtifactStore, model: Any, target: Any
) -> None:
    model.fit(_CODED, target)
    artifact = artifacts.save(model)
    back = artifacts.load(artifact)
    assert artifact.format == type(model).__module__.partition(".")[0]
    assert (back.predict(_CODED) == model.predict(_CODED)).all()
    assert repr(back.get_params()) == repr(model.get_params())
    assert list(back.feature_names_in_) == list(_CODED)
    if hasattr(model, "classes_"):
        assert list(back.classes_) == list(model.classes_)
        assert (back.predict_proba(_CODED) == model.predict_proba(_CODED)).all()


def test_a_bare_booster_predicts_the_same(artifacts: ArtifactStore) -> None:
    target = (_LATE == "late").astype(int)
    light = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(_NUMBERS, target), 3)
    extreme = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(_NUMBERS, target), 3)
    rows = xgb.DMatrix(_NUMBERS)
    assert (round_trip(artifacts, light).predict(_NUMBERS) == light.predict(_NUMBERS)).all()
    assert (round_trip(artifacts, extreme).predict(rows) == extreme.predict(rows)).all()


def test_early_stopping_is_remembered(artifacts: ArtifactStore) -> None:
    target = (_LATE == "late").astype(int)
    train, test = lgb.Dataset(_NUMBERS[:80], target[:80]), lgb.Dataset(_NUMBERS[80:], target[80:])
    params = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 2}
    model = lgb.train(params, train, 100, [test], callbacks=[lgb.early_stopping(2, verbose=False)])
    back = round_trip(artifacts, model)
    assert back.best_iteration == model.best_iteration < 100
    assert (back.predict(_NUMBERS) == model.predict(_NUMBERS)).all()


def test_a_parameter_that_cannot_be_kept_is_told(artifacts: ArtifactStore) -> None:
    model = lgb.LGBMRegressor(objective=lambda y, p: (p - y, np.ones_like(y)), n_estimators=2, verbose=-1)
    model.fit(_NUMBERS, _ROWS["air"])
    with pytest.raises(
        Unstorable, match=r"Something in the LGBMRegressor cannot be kept\. A value of type 'function'"
    ):
        artifacts.save(model)
