from __future__ import annotations

import dataclasses

import pytest
from records_sample import build_artifact, build_step, count

from interlock.records.model import CacheEntry, Producer
from interlock.records.records import Records
from interlock.records.unknown import UnknownRun


def test_a_step_is_found_as_it_was_recorded(records: Records) -> None:
    records.runs.start("delays")
    step = build_step(error="ValueError: no", state="failed")
    records.steps.record("delays/1", step)
    assert records.steps.get("delays/1", "clean") == step
    assert records.steps.get("delays/1", "unreached") is None


def test_the_steps_of_a_run_come_in_the_order_of_its_graph(records: Records) -> None:
    records.runs.start("delays")
    records.steps.record("delays/1", build_step("score", 2))
    records.steps.record_many("delays/1", [build_step("fit", 1), build_step("clean", 0)])
    assert [step.node for step in records.steps.of("delays/1")] == ["clean", "fit", "score"]
    records.steps.record_many("delays/1", [])
    assert count(records)["steps"] == 3


def test_a_step_of_an_unknown_run_is_refused_as_a_whole(records: Records) -> None:
    records.runs.start("delays")
    with pytest.raises(UnknownRun, match="Unknown run 'delays/2'"):
        records.steps.record("delays/2", build_step())
    found = count(records)
    assert (found["steps"], found["cache"], found["artifacts"], found["fingerprints"]) == (0, 0, 0, 0)
    records.steps.record("delays/1", build_step())
    assert count(records)["fingerprints"] == 1


def test_a_step_that_is_recorded_again_replaces_itself(records: Records) -> None:
    records.runs.start("delays")
    records.steps.record("delays/1", build_step(state="failed", outputs={}))
    records.steps.record("delays/1", build_step())
    assert [step.state for step in records.steps.of("delays/1")] == ["ran"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"state": "cached"}, False),
        ({"state": "failed"}, False),
        ({"state": "skipped"}, False),
        ({"cacheable": False}, False),
        ({"key": None}, False),
    ],
)
def test_only_a_step_that_ran_and_may_be_reused_is_cached(records: Records, changes, found: bool) -> None:
    records.runs.start("delays")
    step = build_step(outputs={"0": build_artifact(1), "1": build_artifact([None, "é"])})
    records.steps.record("delays/1", dataclasses.replace(step, **changes))
    assert records.cache.lookup(step.key or "") == (step.outputs if found else None)


def test_the_latest_outputs_of_a_key_hold_whichever_run_recorded_them_last(records: Records) -> None:
    for _ in range(3):
        records.runs.start("delays")
    new = build_step(started_at=200.0, outputs={"result": build_artifact("new")})
    for run, step in (("delays/1", build_step(started_at=100.0)), ("delays/2", new)):
        records.steps.record(run, step)
    records.steps.record("delays/3", build_step(started_at=150.0))
    assert records.cache.entry(new.key or "") == CacheEntry(
        new.key or "", "delays/2", "clean", new.outputs, new.finished_at
    )


def test_an_entry_whose_bytes_are_gone_can_be_forgotten(records: Records) -> None:
    records.runs.start("delays")
    records.steps.record("delays/1", build_step())
    key = build_step().key or ""
    assert records.cache.forget(key)
    assert (records.cache.lookup(key), records.cache.entry(key)) == (None, None)
    assert not records.cache.forget(key)


def test_the_step_before_a_run_is_of_its_pipeline_and_has_a_key(records: Records) -> None:
    for pipeline, changes in (
        ("delays", {"key": "old"}),
        ("delays", {"key": None}),
        ("churn", {"key": "other"}),
    ):
        run = records.runs.start(pipeline)
        records.steps.record(run.id, build_step(**changes))
    last = records.runs.start("delays")
    records.steps.record(last.id, build_step(key="new"))
    found = records.steps.before(last, "clean")
    assert found is not None
    assert (found[0], found[1].key, found[1].fingerprint_parts) == (
        "delays/1",
        "old",
        build_step().fingerprint_parts,
    )
    assert records.steps.before(last, "fit") is None


def test_the_makers_of_a_value_are_found(records: Records) -> None:
    for _ in range(2):
        run = records.runs.start("delays")
        records.steps.record(run.id, build_step())
    makers = records.steps.producers(build_artifact("clean").digest)
    assert makers == [Producer("delays/1", "clean", "result"), Producer("delays/2", "clean", "result")]
