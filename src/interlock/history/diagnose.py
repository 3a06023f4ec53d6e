"""The likely cause of a step that came out differently, found by experiment.

The step is run twice, side by side, on the inputs that were recorded. Where the two differ, it is run in pairs again,
each time with one source of chance taken away; the one without which both are the same is the cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from interlock.errors import InterlockError
from interlock.history.child import ONE_THREAD, Surroundings, run_pair
from interlock.history.environments import EnvironmentDiff
from interlock.history.replay import ReplaySpec

_LEAST_SECONDS = 60.0


@dataclass(frozen=True)
class Cause:
    """Why a step came out differently.

    Attributes:
        kind: `unordered set`, `threads`, `clock`, `seed`, `library`, `hardware`, `chance` or `unknown`.
        evidence: What was seen.
    """

    kind: str
    evidence: str


def find_cause(
    spec: ReplaySpec,
    around: Surroundings,
    step: str,
    seconds: float,
    used: Mapping[str, str],
    moved: EnvironmentDiff,
) -> Cause:
    """Return the likely cause of a step that came out differently.

    Args:
        spec: The replay in which it did.
        around: Its surroundings.
        step: The step.
        seconds: What it took.
        used: The parts of its fingerprint: they say which packages it uses.
        moved: What is not as it was.
    """
    trials = _Trials(replace(spec, given=True, steps=(step,), cache=False), around, seconds)
    plain = trials.same_twice("plain", Surroundings())
    if plain is None:
        return Cause("unknown", "the step could not be run on its recorded inputs")
    if plain:
        return _of_surroundings(used, moved)
    for kind, evidence, without in _sources_of_chance():
        if trials.same_twice(kind.replace(" ", "-"), without):
            return Cause(kind, evidence)
    return Cause(
        "chance", "two runs side by side differ, with hashes, threads, clock and seeds held one at a time"
    )


def _of_surroundings(used: Mapping[str, str], moved: EnvironmentDiff) -> Cause:
    packages = {n: v for n, v in moved.distributions.items() if f"dist:{n}" in used}
    if packages:
        shown = ", ".join(
            f"{name} {old or 'none'} → {new or 'none'}" for name, (old, new) in packages.items()
        )
        return Cause("library", f"the step gives the same twice here; it uses other versions: {shown}")
    if moved.python:
        return Cause(
            "library", f"the step gives the same twice here; Python is another: {' → '.join(moved.python)}"
        )
    if "processor" in moved.facts:
        processors = " → ".join(moved.facts["processor"])
        return Cause(
            "hardware", f"the step gives the same twice here; the processor is another: {processors}"
        )
    if moved.distributions:
        names = ", ".join(list(moved.distributions)[:8])
        return Cause(
            "unknown",
            f"the step gives the same twice here; of packages it does not name, others are: {names}",
        )
    return Cause("unknown", "the step gives the same twice here, and nothing that is recorded differs")


def _sources_of_chance() -> Iterator[tuple[str, str, Surroundings]]:
    yield (
        "unordered set",
        "with a fixed PYTHONHASHSEED the step gives the same twice: it depends on the order of a set",
        Surroundings(variables={"PYTHONHASHSEED": "0"}),
    )
    yield (
        "seed",
        "with the system's randomness held the step gives the same twice: a generator in it has no seed",
        Surroundings(still=("entropy",)),
    )
    yield (
        "clock",
        "with the clock stopped the step gives the same twice: it looks at the time",
        Surroundings(still=("clock",)),
    )
    yield (
        "threads",
        "with one thread the step gives the same twice: it depends on the order in which threads finish",
        Surroundings(variables=ONE_THREAD),
    )


class _Trials:
    """Runs one step twice, side by side, in changed surroundings."""

    def __init__(self, spec: ReplaySpec, around: Surroundings, seconds: float) -> None:
        self._spec = spec
        self._around = around
        self._timeout = max(_LEAST_SECONDS, 20 * seconds)

    def same_twice(self, name: str, changed: Surroundings) -> bool | None:
        """Tell whether both came out the same; None where they did not come out at all."""
        surroundings = replace(
            self._around,
            variables={**self._around.variables, "PYTHONHASHSEED": None, **changed.variables},
            still=changed.still,
            timeout=self._timeout,
        )
        specs = [replace(self._spec, scratch=f"{self._spec.scratch}/{name}-{turn}") for turn in (1, 2)]
        try:
            one, other = run_pair(*((spec, surroundings) for spec in specs))
        except InterlockError:
            return None
        found = [_digests(result) for result in (one, other)]
        return None if None in found else found[0] == found[1]


def _digests(result: Mapping[str, Any]) -> list[str] | None:
    outputs = [output["found"] for step in result["steps"] for output in step["outputs"]]
    return outputs if outputs and all(outputs) else None
