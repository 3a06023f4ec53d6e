from __future__ import annotations

import pytest
from records_sample import build_snapshot, count

from interlock.identity.environment import Environment
from interlock.records.records import Records
from interlock.records.unknown import UnknownRun


def test_an_environment_is_kept_once(records: Records) -> None:
    environment = Environment("blake3:e", "3.11.7", "linux-x86_64", {"numpy": "2.3.0"})
    assert records.environments.add(environment) == records.environments.add(environment) == "blake3:e"
    assert records.environments.get("blake3:e") == environment
    assert records.environments.get("blake3:f") is None
    assert count(records)["environments"] == 1


def test_snapshots_are_numbered_by_content_in_each_dataset(records: Records) -> None:
    snapshots = [
        build_snapshot("a"),
        build_snapshot("b"),
        build_snapshot("a"),
        build_snapshot("a", "weather"),
    ]
    assert [records.datasets.add_snapshot(snapshot) for snapshot in snapshots] == [1, 2, 1, 1]
    assert [record.number for record in records.datasets.list("flights")] == [2, 1]
    assert records.datasets.names() == ["flights", "weather"]


def test_a_snapshot_is_found_by_its_digest_in_either_dataset(records: Records) -> None:
    here, there = build_snapshot("a"), build_snapshot("a", "weather")
    for snapshot in (here, there):
        records.datasets.add_snapshot(snapshot)
    assert here.digest == there.digest
    found = records.datasets.by_digest(here.digest, "weather")
    assert found is not None
    assert found.snapshot == there
    assert records.datasets.by_digest("blake3:none") is None


def test_the_latest_snapshot_tells_which_parts_need_not_be_read_again(records: Records) -> None:
    assert records.datasets.latest("flights") is None
    assert records.datasets.known_parts("flights") == ()
    records.datasets.add_snapshot(build_snapshot("a"))
    newest = build_snapshot("b")
    records.datasets.add_snapshot(newest)
    assert records.datasets.known_parts("flights") == newest.parts


def test_a_touched_file_keeps_the_number_and_renews_the_times(records: Records) -> None:
    first = records.datasets.add_snapshot(build_snapshot("a", mtime_ns=5))
    assert records.datasets.add_snapshot(build_snapshot("a", mtime_ns=9)) == first
    assert [part.mtime_ns for part in records.datasets.known_parts("flights")] == [9]
    assert count(records)["snapshots"] == 1


def test_a_deployment_is_replaced_and_removed(records: Records) -> None:
    records.deployments.put("delays", "champion", "http://127.0.0.1:1", 10, 1, "starting")
    now = records.deployments.put("delays", "champion", "http://127.0.0.1:2", 11, 2, "up")
    records.deployments.put("churn", "champion", "http://127.0.0.1:3", None, None, "down")
    assert records.deployments.get("delays", "champion") == now
    assert [found.model for found in records.deployments.list()] == ["churn", "delays"]
    assert records.deployments.list("delays") == [now]
    assert records.deployments.remove("delays", "champion")
    assert not records.deployments.remove("delays", "champion")
    assert records.deployments.get("delays", "champion") is None


def test_certificates_are_numbered_within_their_run_and_come_latest_first(records: Records) -> None:
    run = records.runs.start("delays")
    for verdict in ("identical", "different"):
        records.certificates.add(run.id, verdict, {"size": float("inf")})
    found = records.certificates.of(run.id)
    assert [(one.number, one.verdict) for one in found] == [(2, "different"), (1, "identical")]
    assert found[0].body == {"size": float("inf")}


def test_a_run_that_is_not_there_gets_no_certificate(records: Records) -> None:
    with pytest.raises(UnknownRun):
        records.certificates.add("delays/9", "identical", {})
