"""The registry: which version a name stands for, and who may become champion."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from interlock.errors import InterlockError, UsageError
from interlock.models.gates import AGAINST, names_champion
from interlock.records.model import AliasMove, Fence, ModelVersion, VerdictRecord
from interlock.records.records import Records

CHAMPION = "champion"
CHALLENGER = "challenger"

Judge: TypeAlias = Callable[[ModelVersion], ModelVersion]
"""Judges a version against the champion of now and records that; see `interlock.models.judging`."""

_NAME = re.compile(r"(?P<model>[^@]+?)(?:@(?P<which>[^@]+))?")
_NUMBER = re.compile(r"[0-9]{1,9}")


class PromotionRefused(InterlockError):
    """A version may not become champion."""

    def __init__(self, version: ModelVersion, verdicts: Sequence[VerdictRecord]) -> None:
        failed = [verdict for verdict in verdicts if not verdict.passed]
        reasons = [f"  {verdict.gate}: {verdict.reason}" for verdict in failed]
        name = f"{version.model}@{version.number}"
        anyway = f"Promote it all the same: interlock promote {name} --anyway --reason TEXT"
        super().__init__(
            "\n".join([f"{name} did not pass its gates:", *reasons]),
            hint=anyway if may_be_overridden(failed) else f"Look at it: interlock show {name}",
        )
        self.version = version
        self.failed = tuple(failed)


class NotJudged(InterlockError):
    """The champion is another one than a version was judged against, and nobody judges it here."""


class NothingToPromote(InterlockError):
    """A model has no challenger, and no version was named."""


class NothingToRollBack(InterlockError):
    """A model had no champion before the present one, or all of them were rolled back."""


def resolve(records: Records, name: str) -> ModelVersion:
    """Return the version that a name such as `delays@champion`, `delays@3` or `delays` (its champion) stands for.

    Raises:
        UsageError: It is no such name.
        UnknownModel: There is no such model.
        UnknownVersion: It has no such version.
        UnknownAlias: It has no such alias.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"{name!r} names no model version.", hint="Write delays@champion or delays@3.")
    which = found["which"] or CHAMPION
    if _NUMBER.fullmatch(which):
        return records.models.get(found["model"], int(which))
    return records.models.resolve(found["model"], which)


def challenge(records: Records, version: ModelVersion, *, fence: Fence | None = None) -> AliasMove:
    """Make a version that passed its gates the challenger."""
    return records.models.move_alias(
        version.model, CHALLENGER, version.number, "passed its gates", "gates", fence=fence
    )


def promote(
    records: Records,
    model: str,
    which: str | int | None = None,
    *,
    reason: str,
    actor: str,
    judge: Judge | None = None,
    anyway: bool = False,
    fence: Fence | None = None,
) -> AliasMove:
    """Make a version the champion: the one named, else the challenger.

    Args:
        records: The records.
        model: The model.
        which: The version or the alias.
        reason: Why; recorded with the move.
        actor: Who does it.
        judge: Judges the version again when the champion is another one than it was judged against.
        anyway: Promote although it lost to the champion, or could not be compared with it; the move's
            reason then has those verdicts. No other gate is overridden.
        fence: The lease under which this happens.

    Raises:
        PromotionRefused: It did not pass its gates; each failed gate is named with its reason.
        NotJudged: It was judged against another champion, and there is no `judge`.
        NothingToPromote: No version is named, and there is no challenger.
        StalePromotion: Another version became champion in the meantime.
    """
    version = _candidate(records, model, which)
    champion = records.models.alias(version.model, CHAMPION)
    expected = champion.number if champion else None
    if version.number != expected:
        reason += _despite(records, _judged(records, version, champion, judge), anyway=anyway)
    return records.models.move_alias(
        version.model, CHAMPION, version.number, reason, actor, expected=expected, fence=fence
    )


def is_stale(records: Records, version: ModelVersion, champion: ModelVersion | None) -> bool:
    """Tell whether a version was judged against another champion, or when there was none."""
    if champion is None or champion.number == version.number:
        return False
    said = records.models.verdicts(version.model, version.number)
    return any(names_champion(one.gate) and one.numbers.get(AGAINST) != champion.number for one in said)


def may_be_overridden(failed: Sequence[VerdictRecord]) -> bool:
    """Tell whether nothing failed but comparisons with the champion: a person may know better than those."""
    return bool(failed) and all(names_champion(one.gate) for one in failed)


def may_pass(records: Records, version: ModelVersion) -> bool:
    """Tell whether a version passed, or failed by nothing but a comparison, which another champion may end."""
    said = records.models.verdicts(version.model, version.number)
    return version.status == "passed" or may_be_overridden([one for one in said if not one.passed])


def _judged(
    records: Records, version: ModelVersion, champion: ModelVersion | None, judge: Judge | None
) -> ModelVersion:
    if champion is None or not may_pass(records, version) or not is_stale(records, version, champion):
        return version
    if judge is None:
        name = f"{version.model}@{version.number}"
        raise NotJudged(
            f"{name} was not judged against version {champion.number}, which is champion now.",
            hint=f"This judges it first: interlock promote {name}",
        )
    return judge(version)


def _despite(records: Records, version: ModelVersion, *, anyway: bool) -> str:
    """Return what is added to the reason of a promotion against the gates; nothing where they passed."""
    if version.status == "passed":
        return ""
    said = records.models.verdicts(version.model, version.number)
    failed = [verdict for verdict in said if not verdict.passed]
    if not anyway or not may_be_overridden(failed):
        raise PromotionRefused(version, said)
    return f" (in spite of {'; '.join(f'{one.gate}: {one.reason}' for one in failed)})"


def _candidate(records: Records, model: str, which: str | int | None) -> ModelVersion:
    if which is not None:
        return resolve(records, f"{model}@{which}")
    challenger = records.models.alias(model, CHALLENGER)
    if challenger is not None and not was_champion(records, challenger):
        return challenger
    versions = records.models.list(model)
    if not versions:
        resolve(records, f"{model}@1")  # says that there is no such model, and offers the nearest
    newest = versions[0]
    if newest.status != "passed":
        raise PromotionRefused(newest, records.models.verdicts(model, newest.number))
    been = f"; version {challenger.number} has been champion already" if challenger else ""
    raise NothingToPromote(
        f"Model {model!r} has no challenger{been}.",
        hint=f"Name a version: interlock promote {model}@NUMBER. They are listed by: interlock models {model}",
    )


def was_champion(records: Records, version: ModelVersion, before: float | None = None) -> bool:
    """Tell whether a version was promoted before (a time): to do it again would undo what happened since."""
    moves = records.models.moves(version.model)
    found = [move.at for move in moves if move.alias == CHAMPION and move.version == version.number]
    return any(before is None or at < before for at in found)


def rollback(
    records: Records, model: str, *, reason: str, actor: str, fence: Fence | None = None
) -> AliasMove:
    """Make the previous champion the champion again; the version that it replaces is no challenger any more.

    Raises:
        UnknownAlias: The model has no champion.
        NothingToRollBack: There is none that was not rolled back already.
    """
    champion = records.models.resolve(model, CHAMPION)
    moves = [
        move for move in records.models.moves(model) if move.alias == CHAMPION and move.version is not None
    ]
    earlier = _before(moves, champion.number)
    if earlier is None:
        raise NothingToRollBack(
            f"No champion before {model}@{champion.number} is left to go back to.",
            hint=f"Name the version that is wanted: interlock promote {model}@VERSION",
        )
    if records.models.aliases(model).get(CHALLENGER) == champion.number:
        why = f"version {champion.number} is rolled back"
        records.models.move_alias(model, CHALLENGER, None, why, actor, expected=champion.number, fence=fence)
    return records.models.move_alias(
        model, CHAMPION, earlier, reason, actor, expected=champion.number, fence=fence
    )


def _before(moves: Sequence[AliasMove], champion: int) -> int | None:
    """Return who was champion before, walking back through earlier roll-backs as through an undo."""
    stack: list[int] = []
    for move in sorted(moves, key=lambda one: one.number):
        if move.version in stack:
            del stack[stack.index(move.version) + 1 :]
        elif move.version is not None:
            stack.append(move.version)
    return stack[-2] if len(stack) > 1 and stack[-1] == champion else None
