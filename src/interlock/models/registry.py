"""The registry: which version a name stands for, and who may become champion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from interlock.errors import InterlockError, UsageError
from interlock.records.model import AliasMove, Fence, ModelVersion, VerdictRecord
from interlock.records.records import Records

CHAMPION = "champion"
CHALLENGER = "challenger"

_NAME = re.compile(r"(?P<model>[^@]+?)(?:@(?P<which>[^@]+))?")
_NUMBER = re.compile(r"[0-9]{1,9}")


class PromotionRefused(InterlockError):
    """A version may not become champion."""

    def __init__(self, version: ModelVersion, verdicts: Sequence[VerdictRecord]) -> None:
        failed = [verdict for verdict in verdicts if not verdict.passed]
        reasons = [f"  {verdict.gate}: {verdict.reason}" for verdict in failed]
        super().__init__(
            "\n".join([f"{version.model}@{version.number} did not pass its gates:", *reasons]),
            hint=f"Look at it: interlock show {version.model}@{version.number}",
        )
        self.version = version
        self.failed = tuple(failed)


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
    fence: Fence | None = None,
) -> AliasMove:
    """Make a version the champion: the one named, else the challenger.

    Raises:
        PromotionRefused: It did not pass its gates; each failed gate is named with its reason.
        NothingToPromote: No version is named, and there is no challenger.
        StalePromotion: Another version became champion in the meantime.
    """
    version = _candidate(records, model, which)
    if version.status != "passed":
        raise PromotionRefused(version, records.models.verdicts(version.model, version.number))
    champion = records.models.alias(version.model, CHAMPION)
    expected = champion.number if champion else None
    return records.models.move_alias(
        version.model, CHAMPION, version.number, reason, actor, expected=expected, fence=fence
    )


def _candidate(records: Records, model: str, which: str | int | None) -> ModelVersion:
    if which is not None:
        return resolve(records, f"{model}@{which}")
    challenger = records.models.alias(model, CHALLENGER)
    if challenger is not None:
        return challenger
    versions = records.models.list(model)
    if not versions:
        resolve(records, f"{model}@1")  # says that there is no such model, and offers the nearest
    newest = versions[0]
    if newest.status != "passed":
        raise PromotionRefused(newest, records.models.verdicts(model, newest.number))
    raise NothingToPromote(
        f"Model {model!r} has no challenger.",
        hint=f"Name a version: interlock promote {model}@{newest.number}",
    )


def rollback(
    records: Records, model: str, *, reason: str, actor: str, fence: Fence | None = None
) -> AliasMove:
    """Make the previous champion the champion again.

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
