"""How much of a metric's change each cause explains: data, code, configuration, environment.

Between two runs that differ in several of the four, every mixture of the one's and the other's is run (from the cache
where it can be), and each cause is given its Shapley value: the average, over all orders in which the causes could have
been changed one at a time, of what the metric changed with it. The shares add up to the whole change exactly.

Source: L. S. Shapley, A Value for n-Person Games, 1953; for explaining by it, Lundberg and Lee, NeurIPS 2017.
"""

from __future__ import annotations

import itertools
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.engine.commit import FACETS
from interlock.engine.context import RunContext
from interlock.errors import InterlockError
from interlock.history.child import Surroundings, run_replay
from interlock.history.replay import ReplaySpec
from interlock.history.reproduce import How, surroundings_of
from interlock.history.scratch import lay_out
from interlock.history.sources import KeptCode
from interlock.identity.environment import environment
from interlock.records.model import RunRecord
from interlock.store.opening import place_of

Cause = tuple[str, ...]
"""Facets that are changed together: one, or several that cannot be changed apart."""

Metrics = Mapping[str, float]
Mixture = frozenset[str]
"""The facets that are those of the later run."""


class NothingToAttribute(InterlockError):
    """Two runs have no metric in common, or do not differ."""


@dataclass(frozen=True)
class Attribution:
    """What explains the change of the metrics.

    Attributes:
        causes: The causes, in order; several facets in one where they cannot be changed apart.
        shares: For each metric, the share of each cause; they add up to the change.
        values: The metrics of every mixture, by the facets in it that are those of the later run.
        joined: Why facets were taken together, where they were.
    """

    causes: tuple[Cause, ...]
    shares: Mapping[str, Mapping[str, float]]
    values: Mapping[str, Metrics]
    joined: str = ""


def attribute(context: RunContext, before: RunRecord, after: RunRecord, *, here: bool = False) -> Attribution:
    """Return how much of the change of each metric each cause explains.

    Args:
        context: The store and the records; nothing is recorded.
        before: The run that the change is counted from.
        after: The other one.
        here: Whether the present environment stands for both recorded ones; it then explains nothing.

    Raises:
        NothingToAttribute: The two have no metric in common, or do not differ.
        InterlockError: The later run cannot be made again.
    """
    facets, metrics = _changed(before, after, here=here)
    joined = ""
    with _mixing(context, before, after, here=here) as mixing:
        for causes in _ways_to_join(tuple((name,) for name in facets)):
            try:
                values = mixing.values(causes)
            except InterlockError as error:
                joined = joined or str(error).splitlines()[0]
            else:
                return _explained(causes, values, metrics, joined)
    raise NothingToAttribute(f"No mixture of {before.id} and {after.id} can be run.")


def _changed(before: RunRecord, after: RunRecord, *, here: bool) -> tuple[list[str], list[str]]:
    """Return the facets that may explain something, and the metrics that both runs have."""
    facets = [
        name
        for name in FACETS
        if before.facets.get(name) != after.facets.get(name) and not (here and name == "environment")
    ]
    metrics = [name for name in after.metrics if name in before.metrics]
    if not facets or not metrics:
        raise NothingToAttribute(
            f"There is no change to explain between {before.id} and {after.id}.",
            hint="They do not differ." if metrics else "They have no metric in common.",
        )
    return facets, metrics


def _explained(
    causes: tuple[Cause, ...], values: Mapping[Mixture, Metrics], metrics: Sequence[str], joined: str
) -> Attribution:
    shares = {name: _shares(causes, {key: found[name] for key, found in values.items()}) for name in metrics}
    shown = {" + ".join(sorted(key, key=FACETS.index)) or "none": found for key, found in values.items()}
    return Attribution(causes, shares, shown, joined if any(len(one) > 1 for one in causes) else "")


def _ways_to_join(causes: tuple[Cause, ...]) -> Iterator[tuple[Cause, ...]]:
    """Yield the causes apart; then code and configuration as one, which may not fit each other; then all as one."""
    yield causes
    pair = tuple(one for one in causes if one[0] in ("code", "configuration"))
    if len(pair) == 2:
        yield (*(one for one in causes if one not in pair), (*pair[0], *pair[1]))
    if len(causes) > 1:
        yield (tuple(name for one in causes for name in one),)


def _shares(causes: Sequence[Cause], values: Mapping[Mixture, float]) -> dict[str, float]:
    """Return the Shapley value of each cause."""
    shares = {}
    for cause in causes:
        others = [one for one in causes if one != cause]
        total = 0.0
        for size in range(len(others) + 1):
            weight = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(len(causes))
            for chosen in itertools.combinations(others, size):
                without = frozenset(name for one in chosen for name in one)
                total += weight * (values[without | frozenset(cause)] - values[without])
        shares[" + ".join(cause)] = total
    return shares


@contextmanager
def _mixing(context: RunContext, before: RunRecord, after: RunRecord, *, here: bool) -> Iterator[_Mixing]:
    place = Path(tempfile.mkdtemp(prefix="attribute-", dir=context.project.home.tmp)).resolve()
    try:
        yield _Mixing(context, before, after, place, here=here)
    finally:
        shutil.rmtree(place, ignore_errors=True)


class _Mixing:
    """Runs mixtures of two runs."""

    def __init__(
        self, context: RunContext, before: RunRecord, after: RunRecord, place: Path, *, here: bool
    ) -> None:
        self._context = context
        self._before = before
        self._after = after
        self._place = place
        self._present = environment().digest
        self._here = here
        self._codes = {run.id: KeptCode(context.store, run.code) for run in (before, after)}
        self._known: dict[Mixture, Metrics] = {}
        for run, code in self._codes.items():
            lay_out(code, place / "code" / run.replace("/", "-"))

    def values(self, causes: Sequence[Cause]) -> dict[Mixture, Metrics]:
        """Return the metrics of every mixture of the causes; those of the runs themselves are recorded."""
        mixtures = [
            frozenset(name for one in chosen for name in one)
            for size in range(len(causes) + 1)
            for chosen in itertools.combinations(causes, size)
        ]
        self._known[mixtures[0]] = self._before.metrics
        self._known[mixtures[-1]] = self._after.metrics
        missing = [one for one in mixtures if one not in self._known]
        with ThreadPoolExecutor(2) as pool:
            self._known.update(zip(missing, pool.map(self._run, missing), strict=True))
        return {one: self._known[one] for one in mixtures}

    def _run(self, mixture: Mixture) -> Metrics:
        code, data, configuration, around = (
            self._after if name in mixture else self._before
            for name in ("code", "data", "configuration", "environment")
        )
        spec = ReplaySpec(
            root=str(self._place / "code" / code.id.replace("/", "-")),
            data_root=str(self._context.project.root),
            home=str(self._context.project.home.path.resolve()),
            store=place_of(self._context.project).address,
            store_cache=place_of(self._context.project).cache,
            scratch=str(self._place / ("-".join(sorted(mixture)))),
            model=code.pipeline,
            ref=code.ref,
            main=self._codes[code.id].main,
            params=configuration.params,
            seed=int(configuration.facts.get("seed", 0)),
            # A dataset that only the one run reads is taken from there.
            snapshots={**self._before.snapshots, **self._after.snapshots, **data.snapshots},
            cache=True,
        )
        result = run_replay(spec, self._surroundings(around, code))
        failed = next((one for one in result["steps"] if one["verdict"] == "failed"), None)
        if failed is not None:
            lines = str(failed["error"]).strip().splitlines()
            raise NothingToAttribute(
                f"step {failed['step']!r} fails with {lines[-1] if lines else 'an error'}"
            )
        metrics: Metrics = result["metrics"]
        return metrics

    def _surroundings(self, around: RunRecord, code: RunRecord) -> Surroundings:
        how = How(here=self._here or around.environment == self._present)
        used = self._context.records.environments.get(around.environment or "") or environment()
        return surroundings_of(self._context, around, how, used, self._codes[code.id])


def to_json(found: Attribution) -> dict[str, Any]:
    """Return it as a JSON object."""
    return {
        "causes": [list(one) for one in found.causes],
        "shares": {name: dict(shares) for name, shares in found.shares.items()},
        "mixtures": {name: dict(values) for name, values in found.values.items()},
        "joined": found.joined or None,
    }
