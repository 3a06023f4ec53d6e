from __future__ import annotations

from typing import Any

import pytest

from interlock.errors import UsageError
from interlock.records import search as search_module
from interlock.records.conditions import NEWEST, BadCondition, parse_conditions, parse_order
from interlock.records.model import MetricPoint
from interlock.records.records import Records
from interlock.records.search import UnknownValue


def _add(records: Records, pipeline: str, status: Any = "succeeded", **fields: Any) -> None:
    tags, params = fields.pop("tags", {}), fields.pop("params", {})
    run = records.runs.start(pipeline, params=params, tags=tags)
    records.runs.finish(run.id, status, metrics=fields)


@pytest.fixture
def filled(records: Records) -> Records:
    _add(records, "delays", auc=0.7, params={"rate": 0.1, "kind": "tree"}, tags={"by": "loop", "build": "7"})
    _add(records, "delays", auc=0.9, loss=0.2, params={"rate": 0.2, "kind": "line"})
    _add(records, "churn", "failed", params={"rate": 0.1, "balanced": True})
    _add(records, "churn", auc=0.8, loss=0.1, params={"rate": "auto", "auc": 3})
    _add(records, "churn", auc=float("nan"), loss=float("inf"))
    return records


def _found(records: Records, where: str, order: str = "", **page: int) -> list[str]:
    conditions = parse_conditions(where) if where else []
    return [r.id for r in records.runs.search(conditions, parse_order(order) if order else NEWEST, **page)]


_SEARCHES = [
    ("auc > 0.7", "", ["churn/2", "delays/2"]),
    ("auc >= 0.7", "-auc", ["delays/2", "churn/2", "delays/1"]),
    ("auc != 0.7 and loss < 0.15", "", ["churn/2"]),
    ("auc > 0.1 and auc < 0.75", "", ["delays/1"]),
    ("params.rate = 0.1 AND status=succeeded", "", ["delays/1"]),
    ("rate = auto", "", ["churn/2"]),
    ("params.auc == 3", "", ["churn/2"]),
    ("balanced = true", "", ["churn/1"]),
    ("tags.by = loop and build = '7'", "", ["delays/1"]),
    ("tags.build = 7", "", ["delays/1"]),
    ("`kind` = 'tree'", "", ["delays/1"]),
    ("pipeline = churn", "started", ["churn/1", "churn/2", "churn/3"]),
    ("", "-loss", ["churn/3", "delays/2", "churn/2"]),
    ("", "kind", ["delays/2", "delays/1"]),
    ("pipeline = delays", "loss", ["delays/2"]),
    ("took < 1000 and started > 2020-01-01 and auc < 0.75", "", ["delays/1"]),
    ("started < 2020-01-01", "", []),
]


@pytest.mark.parametrize(("few", "far"), [(5000, 5000), (0, 5000), (0, 1)])
@pytest.mark.parametrize(("where", "order", "ids"), _SEARCHES)
def test_runs_are_found_by_what_they_have(
    filled: Records,
    where: str,
    order: str,
    ids: list[str],
    few: int,
    far: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_module, "_FEW", few)  # all ways of searching find the same
    monkeypatch.setattr(search_module, "_FAR", far)
    assert _found(filled, where, order) == ids


def test_pages_follow_each_other(filled: Records) -> None:
    pages = [_found(filled, "", "-auc", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert pages == [["delays/2", "churn/2"], ["delays/1"], []]


def test_a_series_is_found_by_its_last_point_once_the_run_is_over(records: Records) -> None:
    run = records.runs.start("delays")
    records.metrics.add(
        [MetricPoint(run.id, "fit", "loss", n, value, 1.0) for n, value in ((2, 0.1), (1, 0.9))]
    )
    with pytest.raises(UnknownValue):
        _found(records, "loss < 0.5")
    records.runs.finish(run.id, "succeeded")
    assert _found(records, "loss < 0.5") == [run.id]


def test_a_tag_that_changed_is_found_by_what_it_is_now(filled: Records) -> None:
    filled.runs.tag("delays/1", by="me")
    assert (_found(filled, "by = me"), _found(filled, "by = loop")) == (["delays/1"], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no condition in '' at sign 1"),
        ("auc >> 3", "There is no condition in 'auc >> 3' at sign 1"),
        ("auc > 3 or loss < 2", "no 'and' between conditions in 'auc > 3 or loss < 2' at sign 9"),
        ("auc > 3 and", "There is no condition in 'auc > 3 and' at sign 12"),
        ("auc > __import__('os')", "no 'and' between conditions"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(BadCondition) as caught:
        parse_conditions(text)
    assert words in caught.value.what
    assert "auc > 0.7" in caught.value.hint


def test_other_slips_are_told(filled: Records) -> None:
    with pytest.raises(UnknownValue, match="No run has a metric, a param or a tag 'acu'") as caught:
        _found(filled, "acu > 0.5")
    assert caught.value.hint == "Did you mean 'auc'?"
    with pytest.raises(UnknownValue):
        _found(filled, "", "params.loss")
    with pytest.raises(UsageError, match="no run status 'succeded'"):
        parse_conditions("status = succeded")
    with pytest.raises(UsageError, match="'yesterday' is no time"):
        parse_conditions("started > yesterday")
    with pytest.raises(UsageError, match="no order 'auc desc'"):
        parse_order("auc desc")
