"""Month by month: how well the looped model answered, beside the model frozen in January."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from interlock.demo.world import LATE, OUTCOME, World
from interlock.engine.context import RunContext
from interlock.models.bundle import LoadedBundle, load_bundle
from interlock.models.predictions import read_predictions


@dataclass(frozen=True)
class MonthScore:
    """AUC and log-loss of a month, of the answers that were served and of the frozen model's."""

    month: int
    flights: int
    looped_auc: float
    frozen_auc: float
    looped_log_loss: float
    frozen_log_loss: float
    versions: tuple[int, ...]


def judge_months(context: RunContext, world: World, model: str, months: list[int]) -> list[MonthScore]:
    """Score each month's answers, as the endpoint logged them, and the frozen first version's, on the same flights."""
    served = _served(context, model)
    frozen = load_bundle(
        context.store,
        context.records.models.get(model, 1).bundle,
        workdir=context.project.home.tmp / "frozen",
    )
    return [_judge(world, month, served, frozen) for month in months]


def _served(context: RunContext, model: str) -> pd.DataFrame:
    table = read_predictions(context.project.home, model)
    frame: pd.DataFrame = table.select(["row_id", "answer", "version"]).to_pandas()
    return frame.drop_duplicates("row_id")


def _judge(world: World, month: int, served: pd.DataFrame, frozen: LoadedBundle) -> MonthScore:
    flights = world.month(month)
    landed = flights[flights[OUTCOME].notna()].merge(served, on="row_id", how="inner")
    late = landed[OUTCOME] >= LATE
    answers = np.asarray(frozen.predict(landed[[column.name for column in frozen.request_schema.columns]]))
    return MonthScore(
        month=month,
        flights=len(landed),
        looped_auc=float(roc_auc_score(late, landed["answer"])),
        frozen_auc=float(roc_auc_score(late, answers)),
        looped_log_loss=float(log_loss(late, landed["answer"])),
        frozen_log_loss=float(log_loss(late, answers)),
        versions=tuple(sorted(int(version) for version in landed["version"].unique())),
    )
