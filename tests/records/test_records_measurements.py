from __future__ import annotations

import math

import pytest

from interlock.records.metrics import MetricOutOfRange
from interlock.records.model import MetricPoint
from interlock.records.records import Records
from interlock.records.unknown import UnknownRun


def _point(
    step: int, value: float, name: str = "loss", node: str = "fit", run: str = "delays/1"
) -> MetricPoint:
    return MetricPoint(run, node, name, step, value, 10.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1])
def test_any_float_survives(records: Records, value: float) -> None:
    records.runs.start("delays")
    records.metrics.add([_point(0, value)])
    assert repr(records.metrics.series("delays/1", "loss")[0].value) == repr(value)


def test_a_series_comes_in_the_order_of_its_steps(records: Records) -> None:
    records.runs.start("delays")
    points = [
        _point(2, 0.2),
        _point(1, 0.3),
        _point(2, 0.1),
        _point(1, 0.9, node="score"),
        _point(1, 1.0, "auc"),
    ]
    records.metrics.add(points)
    records.metrics.add([])
    assert [p.value for p in records.metrics.series("delays/1", "loss", "fit")] == [0.3, 0.2, 0.1]
    assert len(records.metrics.series("delays/1", "loss")) == 4
    assert records.metrics.names("delays/1") == ["auc", "loss"]


@pytest.mark.parametrize(
    ("step", "value", "words"),
    [
        (2**63, 0.0, "9223372036854775808"),
        (-(2**63) - 1, 0.0, "-9223372036854775809"),
        (0, 10**400, "an integer of 1329 bits"),
    ],
)
def test_numbers_beyond_64_bits_are_refused_with_the_point(records: Records, step, value, words: str) -> None:
    records.runs.start("delays")
    with pytest.raises(
        MetricOutOfRange, match=f"The metric 'loss' has {words}, which is no number of 64 bits"
    ):
        records.metrics.add([_point(1, 1.0), _point(step, value)])
    assert records.metrics.series("delays/1", "loss") == []


def test_a_metric_or_a_log_of_an_unknown_run_is_refused(records: Records) -> None:
    with pytest.raises(UnknownRun):
        records.metrics.add([_point(1, 1.0)])
    with pytest.raises(UnknownRun):
        records.logs.add("delays/1", "fit", "stdout", "hello")


def test_logs_come_in_the_order_in_which_they_were_printed(records: Records) -> None:
    records.runs.start("delays")
    records.logs.add("delays/1", "fit", "stdout", "epoch 1 \x00 \ud800")
    records.logs.add("delays/1", "score", "stderr", "warning: é")
    assert [chunk.text for chunk in records.logs.read("delays/1")] == ["epoch 1 \\x00 \\ud800", "warning: é"]
    assert [(chunk.node, chunk.stream) for chunk in records.logs.read("delays/1", "score")] == [
        ("score", "stderr")
    ]


def test_windows_are_listed_newest_first_with_their_values(records: Records) -> None:
    for version, kind, psi in ((1, "drift", 0.1), (1, "metric", math.nan), (2, "drift", math.inf)):
        span = {"started_at": 1.0, "ended_at": 2.0, "rows": 10}
        records.windows.add("delays", version, kind, values={"psi": {"hour": psi}}, alarm=psi > 0.2, **span)
    drift = records.windows.list("delays", kind="drift")
    assert [(w.id, w.version, w.values["psi"]["hour"], w.alarm) for w in drift] == [
        (3, 2, math.inf, True),
        (1, 1, 0.1, False),
    ]
    assert [w.id for w in records.windows.list("delays", 1)] == [2, 1]
    assert records.windows.list("churn") == []
