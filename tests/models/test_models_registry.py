"""Which version a name stands for, who may become champion, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.errors import UsageError
from interlock.models.registry import (
    CHAMPION,
    NothingToPromote,
    NothingToRollBack,
    NotJudged,
    PromotionRefused,
    challenge,
    promote,
    resolve,
    rollback,
)
from interlock.records.model import ModelVersion, VerdictRecord
from interlock.records.records import Records
from interlock.records.unknown import UnknownAlias, UnknownModel, UnknownVersion
from interlock.store.blobs import LocalStore

PASSED = VerdictRecord("parity", passed=True, numbers={}, reason="The same.")
FAILED = VerdictRecord(
    "auc >= 0.7", passed=False, numbers={"auc": 0.6}, reason="auc 0.6 is not at least 0.7."
)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.open(tmp_path / "records.db", LocalStore(tmp_path / "store"))
    yield opened
    opened.close()


def add(records: Records, count: int = 1, *, passed: bool = True) -> ModelVersion:
    """Add so many versions of `delays` and return the newest."""
    for _ in range(count):
        number = len(records.models.list("delays")) + 1
        version = records.models.add_version(
            "delays",
            f"delays/{number}",
            f"blake3:{number}",
            {},
            "passed" if passed else "refused",
            verdicts=[PASSED] if passed else [PASSED, FAILED],
        )
        if passed:
            challenge(records, version)
    return version


def make_champion(records: Records, *numbers: int) -> None:
    for number in numbers:
        promote(records, "delays", number, reason="a test", actor="me")


@pytest.mark.parametrize(
    ("name", "number"),
    [("delays@1", 1), ("delays@03", 3), ("delays@champion", 2), ("delays", 2), ("delays@challenger", 3)],
)
def test_a_name_stands_for_a_version(records: Records, name: str, number: int) -> None:
    add(records, 3)
    make_champion(records, 2)
    assert resolve(records, name).number == number


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("delay@1", UnknownModel, "Did you mean 'delays'?"),
        ("delays@7", UnknownVersion, "It has the versions 1 to 2."),
        ("delays@challanger", UnknownAlias, "Did you mean 'challenger'?"),
        ("delays@-1", UnknownAlias, "Known: challenger."),
        ("delays", UnknownAlias, "Known: challenger."),
        ("delays@1@2", UsageError, "Write delays@champion or delays@3."),
        ("@champion", UsageError, "Write delays@champion or delays@3."),
        ("", UsageError, "Write delays@champion or delays@3."),
    ],
)
def test_a_name_that_stands_for_nothing_is_answered_with_the_way_out(
    records: Records, name: str, error: type[Exception], hint: str
) -> None:
    add(records, 2)
    with pytest.raises(error) as caught:
        resolve(records, name)
    assert hint in str(caught.value)


def test_without_a_version_the_challenger_is_promoted_and_it_is_recorded(records: Records) -> None:
    add(records, 2)
    moved = promote(records, "delays", reason="it is better", actor="me")
    assert (moved.alias, moved.previous, moved.version) == (CHAMPION, None, 2)
    assert (moved.reason, moved.actor) == ("it is better", "me")
    assert records.models.aliases("delays") == {"challenger": 2, "champion": 2}


def test_a_version_that_did_not_pass_is_refused_with_every_failed_gate(records: Records) -> None:
    add(records)
    add(records, passed=False)
    with pytest.raises(PromotionRefused, match="delays@2 did not pass its gates:") as caught:
        promote(records, "delays", 2, reason="", actor="me")
    assert caught.value.failed == (FAILED,)
    assert "auc >= 0.7: auc 0.6 is not at least 0.7." in str(caught.value)
    assert "parity" not in str(caught.value)
    assert records.models.alias("delays", CHAMPION) is None


def test_a_model_none_of_whose_versions_passed_tells_about_the_newest(records: Records) -> None:
    add(records, 2, passed=False)
    with pytest.raises(PromotionRefused, match="delays@2 did not pass"):
        promote(records, "delays", reason="", actor="me")


def test_a_model_without_a_challenger_needs_a_version(records: Records) -> None:
    add(records)
    records.models.move_alias("delays", "challenger", None, "taken away", "me")
    with pytest.raises(NothingToPromote, match="Model 'delays' has no challenger") as caught:
        promote(records, "delays", reason="", actor="me")
    assert caught.value.hint.startswith("Name a version: interlock promote delays@NUMBER")


def test_an_unknown_model_is_not_promoted(records: Records) -> None:
    add(records)
    with pytest.raises(UnknownModel):
        promote(records, "delay", reason="", actor="me")


@pytest.mark.parametrize(
    ("history", "rollbacks", "champion"),
    [
        ([1, 2], 1, 1),
        ([1, 2, 3], 1, 2),
        ([1, 2, 3], 2, 1),
        ([3, 1], 1, 3),
        ([1, 2, 2], 1, 1),
    ],
)
def test_a_rollback_walks_back_through_the_champions(
    records: Records, history: list[int], rollbacks: int, champion: int
) -> None:
    add(records, 3)
    make_champion(records, *history)
    for _ in range(rollbacks):
        moved = rollback(records, "delays", reason="worse", actor="me")
    assert (moved.version, moved.reason) == (champion, "worse")
    assert resolve(records, "delays@champion").number == champion


def test_a_rollback_after_a_rollback_and_a_promotion_skips_what_was_rolled_back(records: Records) -> None:
    add(records, 3)
    make_champion(records, 1, 2)
    rollback(records, "delays", reason="worse", actor="me")
    make_champion(records, 3)
    assert rollback(records, "delays", reason="worse", actor="me").version == 1


def test_a_version_that_was_rolled_back_is_no_challenger_any_more(records: Records) -> None:
    add(records)
    challenge(records, add(records))
    make_champion(records, 1, 2)
    rollback(records, "delays", reason="worse", actor="me")
    assert records.models.aliases("delays") == {"champion": 1}
    with pytest.raises(NothingToPromote, match="Model 'delays' has no challenger"):
        promote(records, "delays", reason="", actor="me")


def test_a_challenger_that_has_been_champion_is_promoted_by_its_number_only(records: Records) -> None:
    add(records)
    challenge(records, add(records))
    make_champion(records, 2, 1)
    with pytest.raises(NothingToPromote, match="no challenger; version 2 has been champion already"):
        promote(records, "delays", reason="", actor="me")
    assert promote(records, "delays", 2, reason="", actor="me").version == 2


def test_a_version_judged_against_another_champion_is_not_promoted_unjudged(records: Records) -> None:
    better = VerdictRecord("auc > champion.auc", passed=True, numbers={"champion": 1}, reason="Better.")
    add(records, 3)
    records.models.set_status("delays", 3, "passed", [better])
    make_champion(records, 2)
    with pytest.raises(NotJudged, match="delays@3 was not judged against version 2, which is champion now"):
        promote(records, "delays", 3, reason="", actor="me")
    make_champion(records, 1)
    assert promote(records, "delays", 3, reason="", actor="me").version == 3


@pytest.mark.parametrize(("history", "rollbacks"), [([2], 0), ([1, 2], 1), ([1, 2, 1], 0)])
def test_there_is_an_end_to_rolling_back(records: Records, history: list[int], rollbacks: int) -> None:
    add(records, 2)
    make_champion(records, *history)
    for _ in range(rollbacks):
        rollback(records, "delays", reason="", actor="me")
    champion = resolve(records, "delays").number
    with pytest.raises(
        NothingToRollBack, match=f"No champion before delays@{champion} is left to go back to"
    ):
        rollback(records, "delays", reason="", actor="me")
    assert resolve(records, "delays").number == champion


def test_a_model_without_a_champion_has_nothing_to_roll_back(records: Records) -> None:
    add(records)
    with pytest.raises(UnknownAlias, match="has no alias 'champion'"):
        rollback(records, "delays", reason="", actor="me")
