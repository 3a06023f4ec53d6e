"""Promotion judges against the champion of this moment, and a person may overrule a comparison with a reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models_project import FEATURES, PIPELINE, opened, train, write_shop

from interlock.engine.context import RunContext
from interlock.models.promotion import promote
from interlock.models.registry import PromotionRefused, rollback

GATES = ["accuracy > champion.accuracy", "rows == 30"]
WORSE = FEATURES.replace('rows[["hour", "distance"]]', "(rows[['hour']] * 0)")
NARROW = PIPELINE.replace('columns=["late"]', 'columns=["late", "distance"]')
ONLY_HOUR = FEATURES.replace('"hour", "distance"', '"hour"')


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with opened(write_shop(tmp_path, gates=GATES)) as made:
        yield made


def make(context: RunContext, **files: str) -> int:
    """Build a version of the project with these modules and return its number."""
    write_shop(context.project.root, gates=GATES, **files)
    version = train(context).version
    assert version is not None
    return version.number


def move(context: RunContext, which: int | None = None, *, anyway: bool = False) -> int | None:
    return promote(context, "delays", which, reason="a test", actor="me", anyway=anyway).version


def test_a_worse_version_that_passed_while_there_was_no_champion_is_not_promoted(context: RunContext) -> None:
    better, worse = make(context), make(context, features=WORSE)
    assert context.records.models.get("delays", worse).status == "passed"
    assert move(context, better) == better
    with pytest.raises(PromotionRefused, match=r"champion.accuracy 1 \(version 1, same holdout\)") as caught:
        move(context)
    assert "accuracy 0.533333 is not above" in caught.value.what
    models = context.records.models
    assert (models.aliases("delays")["champion"], models.get("delays", worse).status) == (better, "refused")
    said = models.verdicts("delays", worse)
    assert [(one.passed, one.numbers.get("champion")) for one in said] == [(False, 1), (True, None)]


def test_a_version_that_lost_to_a_champion_may_win_against_the_next(context: RunContext) -> None:
    worst = make(context, features=WORSE)
    best = make(context)
    move(context, best)
    middle = make(
        context, features=FEATURES.replace('rows[["hour", "distance"]]', "(rows[['hour']] // 9 * 20)")
    )
    assert context.records.models.get("delays", middle).status == "refused"
    promote(context, "delays", worst, reason="a test", actor="me", anyway=True)
    assert move(context, middle) == middle


def test_a_better_champion_is_no_reason_to_refuse_what_beats_it_too(context: RunContext) -> None:
    worse, better = make(context, features=WORSE), make(context)
    move(context, worse)
    assert move(context) == better
    assert rollback(context.records, "delays", reason="a test", actor="me").version == worse


def test_what_cannot_be_compared_is_promoted_with_a_reason_only(context: RunContext) -> None:
    move(context, make(context))
    narrow = make(context, features=ONLY_HOUR, pipeline=NARROW)
    with pytest.raises(
        PromotionRefused, match="cannot be compared on the same rows: it takes 'distance'"
    ) as caught:
        move(context, narrow)
    assert (
        caught.value.hint
        == f"Promote it all the same: interlock promote delays@{narrow} --anyway --reason TEXT"
    )
    assert move(context, narrow, anyway=True) == narrow
    reason = context.records.models.moves("delays")[0].reason
    assert reason.startswith(
        "a test (in spite of accuracy > champion.accuracy: Champion version 1 could not be"
    )


def test_no_other_gate_is_overridden(context: RunContext) -> None:
    write_shop(context.project.root, gates=["rows == 31"])
    train(context)
    with pytest.raises(PromotionRefused, match="rows == 31: rows 30 does not equal 31"):
        move(context, 1, anyway=True)


def test_a_version_with_more_columns_than_the_champion_is_judged(context: RunContext) -> None:
    move(context, make(context, features=WORSE))
    more = PIPELINE.replace('drop(columns=["late"])', 'drop(columns=["late"]).assign(night=1.0)')
    assert move(context, make(context, pipeline=more)) == 2
