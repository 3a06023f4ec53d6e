"""Environments of runs: what differs between two, and one written down for installers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InterlockError
from interlock.history.scratch import requirements
from interlock.identity.environment import Environment
from interlock.records.model import RunRecord
from interlock.records.records import Records


class NoEnvironment(InterlockError):
    """A run has no recorded environment."""

    def __init__(self, run: str) -> None:
        super().__init__(f"Run {run} has no recorded environment.", hint="It was refused before it began.")


@dataclass(frozen=True)
class EnvironmentDiff:
    """What differs between the environments of two runs, each as before and after; empty text for none.

    Attributes:
        python: The interpreter.
        platform: System and machine.
        distributions: Versions, with the origin of what is not from an index.
        facts: Processor, libraries, threads, declared variables, seed.
    """

    python: tuple[str, str] | None = None
    platform: tuple[str, str] | None = None
    distributions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    facts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.python or self.platform or self.distributions or self.facts)


def environment_of(records: Records, run: RunRecord) -> Environment:
    """Return the environment of a run.

    Raises:
        NoEnvironment: There is none.
    """
    found = records.environments.get(run.environment) if run.environment else None
    if found is None:
        raise NoEnvironment(run.id)
    return found


def environment_diff(records: Records, before: RunRecord, after: RunRecord) -> EnvironmentDiff:
    """Return what differs between the environments of two runs.

    Raises:
        NoEnvironment: One of them has none.
    """
    environments = environment_of(records, before), environment_of(records, after)
    return compare_environments(*environments, before.facts, after.facts)


def compare_environments(
    before: Environment,
    after: Environment,
    facts_before: Mapping[str, Any] | None = None,
    facts_after: Mapping[str, Any] | None = None,
) -> EnvironmentDiff:
    """Return what differs between two environments and, where they are given, the facts around them."""
    return EnvironmentDiff(
        python=(before.python, after.python) if before.python != after.python else None,
        platform=(before.platform, after.platform) if before.platform != after.platform else None,
        distributions=_differing(_versions(before), _versions(after)),
        facts=_differing(_flat(facts_before or {}), _flat(facts_after or {})),
    )


def export(environment: Environment, run: str) -> str:
    """Return an environment as the text of a requirements file, for uv and pip alike.

    What was installed from a folder of the machine cannot be said there, and stands in a comment.
    """
    lines, missing = requirements(environment)
    version = environment.python.rpartition(" ")[2]
    head = [
        f"# The environment of run {run}, {environment.digest}",
        f"# {environment.python} on {environment.platform}",
        f"# uv venv --python {version} && uv pip install --no-deps -r FILE",
    ]
    return "\n".join([*head, *(f"# {one}" for one in missing), *lines]) + "\n"


def _versions(environment: Environment) -> dict[str, str]:
    return {
        name: f"{version} ({environment.origins[name]})" if name in environment.origins else version
        for name, version in environment.distributions.items()
    }


def _flat(facts: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": str(item) for key, item in value.items()}
        elif isinstance(value, list):
            found |= {f"{name}.{place}": _shown(item) for place, item in enumerate(value)}
        else:
            found[name] = str(value)
    return found


def _shown(item: Any) -> str:
    return " ".join(map(str, item.values())) if isinstance(item, Mapping) else str(item)


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        name: (before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
