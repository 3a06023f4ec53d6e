"""Will a flight land late? Plain typed functions, connected once."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from interlock import data, deployable, fit, pipeline, split, step


@split
def by_day(flights: pd.DataFrame, *, holdout: float = 0.25) -> tuple[pd.DataFrame, pd.DataFrame]:
    cut = flights["day"].quantile(1 - holdout)
    return flights[flights["day"] < cut], flights[flights["day"] >= cut]


@step
def known_before(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[["hour", "distance", "precip"]]


@step
def was_late(flights: pd.DataFrame) -> pd.Series:
    return flights["late"]


@fit
def fit_model(x: pd.DataFrame, late: pd.Series, *, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000).fit(x, late)


@step
def score(model: LogisticRegression, x: pd.DataFrame) -> pd.Series:
    return pd.Series(model.predict_proba(x)[:, 1])


@step
def evaluate(late: pd.Series, scores: pd.Series) -> dict[str, float]:
    return {"auc": roc_auc_score(late, scores)}


@pipeline
def delays(strength: float = 1.0):
    train, test = by_day(data("flights"))
    model = fit_model(known_before(train), was_late(train), strength=strength)
    asked = known_before(test)
    scores = score(model, asked)
    return deployable(given=asked, answer=scores, metrics=evaluate(was_late(test), scores))
