"""Will a flight out of New York land 15 minutes late or more, from what is known before departure?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

from interlock import data, deployable, fit, pipeline, split, step

NAMES = ["carrier", "origin", "dest"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
KNOWN_BEFORE = ["scheduled", "sched_dep_time", "sched_arr_time", *NAMES, "distance", *WEATHER]


@step
def recent(flights: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Keep the flights of the last days that did land."""
    since = flights["scheduled"].max() - pd.Timedelta(days=days)
    return flights[(flights["scheduled"] > since) & flights["arr_delay"].notna()]


@split
def by_day(flights: pd.DataFrame, *, holdout: float = 0.25) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learn from the earlier days, judge on the later ones."""
    cut = flights["scheduled"].quantile(1 - holdout)
    return flights[flights["scheduled"] < cut], flights[flights["scheduled"] >= cut]


@step
def known_before(flights: pd.DataFrame) -> pd.DataFrame:
    """Keep what is known before departure: this is what a request brings."""
    return flights[KNOWN_BEFORE]


@step
def was_late(flights: pd.DataFrame) -> pd.Series:
    """Tell which flights landed 15 minutes late or more."""
    return (flights["arr_delay"] >= 15).rename("late")


@fit
def fit_encoder(rows: pd.DataFrame) -> OrdinalEncoder:
    """Learn the carriers and airports."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return encoder.fit(rows[NAMES])


@step
def features(rows: pd.DataFrame, encoder: OrdinalEncoder) -> pd.DataFrame:
    """Turn flights into numbers."""
    made = rows[["distance", *WEATHER]].astype("float64")
    made["hour"] = rows["sched_dep_time"] // 100
    made["arrival_hour"] = rows["sched_arr_time"] // 100
    made["weekday"] = rows["scheduled"].dt.weekday
    made[NAMES] = encoder.transform(rows[NAMES])
    return made


@fit(retries=1)
def fit_model(
    features: pd.DataFrame, late: pd.Series, *, learning_rate: float
) -> HistGradientBoostingClassifier:
    """Learn which flights are late."""
    model = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=learning_rate, min_samples_leaf=60, l2_regularization=1.0, random_state=0
    )
    return model.fit(features, late)


@step
def score(model: HistGradientBoostingClassifier, features: pd.DataFrame) -> np.ndarray:
    """Return the probability that a flight is late."""
    return model.predict_proba(features)[:, 1]


@step
def evaluate(late: pd.Series, scores: np.ndarray) -> dict[str, float]:
    """Judge the scores by what happened."""
    return {"auc": roc_auc_score(late, scores), "log_loss": log_loss(late, scores), "flights": len(late)}


@pipeline
def delays(learning_rate: float = 0.1, days: int = 60):
    """Train on a rolling window of days."""
    train, test = by_day(recent(data("flights"), days=days))
    before = known_before(train)
    encoder = fit_encoder(before)
    model = fit_model(features(before, encoder), was_late(train), learning_rate=learning_rate)
    asked = known_before(test)
    scores = score(model, features(asked, encoder))
    return deployable(given=asked, answer=scores, metrics=evaluate(was_late(test), scores))
