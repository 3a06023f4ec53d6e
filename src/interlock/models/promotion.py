"""Promotion as people and programs ask for it: judged against the champion of this moment."""

from __future__ import annotations

from functools import partial

from interlock.engine.context import RunContext
from interlock.models import registry
from interlock.models.judging import judge_again
from interlock.records.model import AliasMove


def promote(
    context: RunContext,
    model: str,
    which: str | int | None = None,
    *,
    reason: str,
    actor: str,
    anyway: bool = False,
) -> AliasMove:
    """Make a version the champion: the one named, else the challenger.

    Where another version is champion now than the one that it was judged against, it is judged again first.

    Args:
        context: The project, its store and its records.
        model: The model.
        which: The version or the alias.
        reason: Why; recorded with the move.
        actor: Who does it.
        anyway: Promote although it lost to the champion, or could not be compared with it.

    Raises:
        PromotionRefused: It did not pass its gates; each failed gate is named with its reason.
        NothingToPromote: No version is named, and there is no challenger.
        StalePromotion: Another version became champion in the meantime.
        InterlockError: It cannot be loaded to be judged again.
    """
    judge = partial(judge_again, context)
    return registry.promote(
        context.records, model, which, reason=reason, actor=actor, judge=judge, anyway=anyway
    )
