from __future__ import annotations

import math

import pytest
from records_sample import add_version, build_verdict

from interlock.records.leases import LeaseLost
from interlock.records.model import Fence
from interlock.records.records import Records
from interlock.records.registry import StalePromotion
from interlock.records.unknown import UnknownAlias, UnknownModel, UnknownVersion


def test_versions_are_numbered_densely_in_each_model(records: Records) -> None:
    assert [add_version(records, model) for model in ("delays", "delays", "churn")] == [1, 2, 1]
    assert [version.number for version in records.models.list("delays")] == [2, 1]
    assert records.models.names() == ["churn", "delays"]
    assert records.models.list("unknown") == []


def test_a_version_is_found_as_it_was_added_with_its_verdicts(records: Records) -> None:
    verdicts = [build_verdict(), build_verdict(passed=False)]
    made = records.models.add_version(
        "delays", "delays/1", "blake3:b", {"auc": math.inf}, "refused", signal_id=3, verdicts=verdicts
    )
    assert records.models.get("delays", 1) == made
    assert (made.status, made.metrics, made.signal_id) == ("refused", {"auc": math.inf}, 3)
    found = records.models.verdicts("delays", 1)
    assert [(v.gate, v.passed, v.reason) for v in found] == [(v.gate, v.passed, v.reason) for v in verdicts]
    assert math.isnan(found[0].numbers["auc"])


def test_the_same_bundle_of_the_same_run_is_one_version(records: Records) -> None:
    first = records.models.add_version("delays", "delays/1", "blake3:b", {}, "passed")
    again = records.models.add_version("delays", "delays/1", "blake3:b", {}, "passed")
    other = records.models.add_version("delays", "delays/2", "blake3:b", {}, "passed")
    assert again == first
    assert other.number == 2


def test_the_status_of_a_version_can_change_and_its_verdicts_stay(records: Records) -> None:
    records.models.add_version("delays", "delays/1", "blake3:b", {}, "passed", verdicts=[build_verdict()])
    assert records.models.set_status("delays", 1, "refused").status == "refused"
    assert records.models.get("delays", 1).status == "refused"
    assert len(records.models.verdicts("delays", 1)) == 1


def test_an_alias_follows_its_moves_and_the_moves_are_kept(records: Records) -> None:
    for content in ("a", "b"):
        add_version(records, content=content)
    for version in (1, 2, None):
        records.models.move_alias("delays", "champion", version, "because", "me")
    records.models.move_alias("delays", "challenger", 1, "because", "me")
    assert records.models.aliases("delays") == {"challenger": 1}
    assert records.models.alias("delays", "champion") is None
    moves = [(m.number, m.alias, m.previous, m.version) for m in records.models.moves("delays")]
    assert moves == [
        (4, "challenger", None, 1),
        (3, "champion", 2, None),
        (2, "champion", 1, 2),
        (1, "champion", None, 1),
    ]


def test_an_alias_resolves_to_its_version(records: Records) -> None:
    add_version(records)
    move = records.models.move_alias("delays", "champion", 1, "first", "me")
    assert records.models.resolve("delays", "champion") == records.models.get("delays", 1)
    assert records.models.moves("delays") == [move]


@pytest.mark.parametrize(("expected", "words"), [(None, "to point nowhere"), (2, "to point at version 2")])
def test_a_move_that_expected_another_state_is_refused(records: Records, expected, words: str) -> None:
    for content in ("a", "b"):
        add_version(records, content=content)
    records.models.move_alias("delays", "champion", 1, "first", "me", expected=None)
    with pytest.raises(StalePromotion) as caught:
        records.models.move_alias("delays", "champion", 2, "second", "me", expected=expected)
    assert (
        caught.value.what == f"The alias 'champion' of 'delays' points at version 1; it was expected {words}."
    )
    assert records.models.aliases("delays") == {"champion": 1}
    assert len(records.models.moves("delays")) == 1


def test_unknown_models_versions_and_aliases_are_told_with_the_nearest(records: Records) -> None:
    with pytest.raises(UnknownModel, match="No model has a version yet"):
        records.models.get("delays", 1)
    add_version(records)
    with pytest.raises(UnknownModel, match=r"Unknown model 'delay'.\n  Did you mean 'delays'\?"):
        records.models.move_alias("delay", "champion", 1, "", "me")
    with pytest.raises(UnknownVersion, match=r"'delays' has no version 9.\n  It has the versions 1 to 1\."):
        records.models.move_alias("delays", "champion", 9, "", "me")
    with pytest.raises(UnknownAlias, match="No version of 'delays' has been promoted yet"):
        records.models.resolve("delays", "champion")
    with pytest.raises(UnknownModel, match="Unknown model 'churn'"):
        records.models.resolve("churn", "champion")
    records.models.move_alias("delays", "champion", 1, "", "me")
    with pytest.raises(UnknownAlias, match=r"has no alias 'champoin'.\n  Did you mean 'champion'\?"):
        records.models.move_alias("delays", "champoin", None, "", "me")


def test_what_is_done_without_the_lease_is_refused(records: Records) -> None:
    add_version(records)
    epoch = records.leases.acquire("loop", "me", 60.0)
    assert epoch is not None
    mine, stale = Fence("loop", epoch), Fence("loop", epoch - 1)
    records.models.move_alias("delays", "champion", 1, "first", "me", fence=mine)
    with pytest.raises(LeaseLost, match="The lease 'loop' is no longer held under epoch 0"):
        records.models.move_alias("delays", "challenger", 1, "second", "me", fence=stale)
    with pytest.raises(LeaseLost):
        records.models.add_version("delays", "delays/9", "blake3:z", {}, "passed", fence=stale)
    assert records.models.aliases("delays") == {"champion": 1}
    assert len(records.models.list("delays")) == 1
