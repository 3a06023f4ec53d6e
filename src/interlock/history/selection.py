"""What is asked for by name, and all that it needs: facts, manifests beside them, blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.engine.kept import KIND as CODE
from interlock.engine.wiring import KIND as GRAPH
from interlock.errors import InterlockError, did_you_mean
from interlock.identity.artifact import Artifact
from interlock.identity.digest import is_digest
from interlock.models.bundle_manifest import KIND as BUNDLE
from interlock.records.incoming import TRAVELLING, Incoming
from interlock.records.ledger import Body
from interlock.store.formats.containers import blobs_of

NAMED = {"run": {"code": CODE, "graph": GRAPH}, "version": {"bundle": BUNDLE}}
"""Fields of facts that hold the digest of a manifest beside them, and the kind of that manifest."""

_UNFINISHED = {"run": ("running",), "signal": ("new", "claimed")}
_STATE = {"run": "status", "signal": "state"}


class UnknownName(InterlockError):
    """A store holds no run, version or model of a name."""

    def __init__(self, name: str, where: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no {name!r}.",
            where=where,
            hint=did_you_mean(name, known) or "Nothing was pushed there yet.",
        )
        self.name = name


@dataclass(frozen=True)
class Selection:
    """All facts of a store, each marked as wanted or not.

    Attributes:
        facts: In the order in which rows refer to each other.
        left_out: The runs that are not over yet: they come when they are.
    """

    facts: Sequence[Incoming]
    left_out: Sequence[str] = ()

    @property
    def wanted(self) -> list[Incoming]:
        """Return what is asked for."""
        return [one for one in self.facts if one.wanted]

    def manifests(self) -> set[tuple[str, str]]:
        """Return kind and digest of the manifests that the wanted facts name."""
        return {
            (kind, one.body[field])
            for one in self.wanted
            for field, kind in NAMED.get(one.fact.kind, {}).items()
            if one.body.get(field)
        }


def select(facts: Sequence[Incoming], names: Sequence[str], where: str) -> Selection:
    """Mark what is asked for: everything, or what some names stand for with all that it needs.

    A run is `delays/3`, a model version `delays@3` or `delays@champion`; `delays` is a model or pipeline
    with all its runs, versions and decisions. A version needs its run; a run needs the runs from whose steps
    it took something, its environment, its patch and its snapshots.

    Raises:
        UnknownName: A name stands for nothing here.
    """
    asked = _Asked(facts)
    for name in names:
        asked.add(name, where)
    asked.close()
    chosen, left_out = [], []
    for one in facts:
        wanted = one.fact.kind in TRAVELLING and (not names or asked.includes(one))
        if one.body.get(_STATE.get(one.fact.kind, "")) in _UNFINISHED.get(one.fact.kind, ()):
            if wanted and one.fact.kind == "run":
                left_out.append(one.body["id"])
            wanted = False
        chosen.append(Incoming(one.fact, one.digest, one.body, wanted))
    return Selection(chosen, left_out)


@dataclass
class _Asked:
    """What names stand for, as a set of runs, of versions and of whole models."""

    facts: Sequence[Incoming]
    models: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    versions: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._runs = {one.body["id"]: one.body for one in self._of("run")}
        self._versions = {(one.body["model"], one.body["number"]): one.body for one in self._of("version")}
        self._aliases = {
            (b["model"], b["alias"]): b["version"] for b in (one.body for one in self._of("alias"))
        }

    def add(self, name: str, where: str) -> None:
        """Note a name."""
        model, _, which = name.partition("@")
        number = int(which) if which.isdigit() else self._aliases.get((model, which))
        if name in self._runs:
            self.runs.add(name)
        elif (model, number) in self._versions:
            self.versions.add((model, number or 0))
        elif not which and name in self._models():
            self.models.add(name)
        else:
            raise UnknownName(name, where, self._names())

    def close(self) -> None:
        """Add what is needed: the runs of versions, and the runs that made what runs took from the cache."""
        self.versions |= {name for name in self._versions if name[0] in self.models}
        self.runs |= {run_id for run_id, body in self._runs.items() if body["pipeline"] in self.models}
        self.runs |= {self._versions[name]["run_id"] for name in self.versions}
        makers = _makers(self._runs.values())
        queue = list(self.runs)
        while queue:
            found = {makers.get(key) for key in _keys(self._runs.get(queue.pop(), {}), "cached")}
            fresh = {run_id for run_id in found if run_id} - self.runs
            self.runs |= fresh
            queue.extend(fresh)
        bodies = [self._runs[run_id] for run_id in self.runs if run_id in self._runs]
        self._environments = {body.get("environment") for body in bodies}
        self._patches = {body.get("patch") for body in bodies}
        self._snapshots = {pair for body in bodies for pair in (body.get("snapshots") or {}).items()}
        self._signals = {body.get("signal_id") for body in bodies}
        self._parts = {
            part["digest"]
            for one in self._of("snapshot")
            if (one.body["dataset"], one.body["digest"]) in self._snapshots
            for part in one.body["parts"]
        }

    def includes(self, one: Incoming) -> bool:
        """Tell whether a fact is asked for or needed."""
        body, rules = one.body, self._rules()
        return body.get("model") in self.models or rules[one.fact.kind](body, one.digest)

    def _rules(self) -> Mapping[str, Callable[[Body, str], bool]]:
        return {
            "environment": lambda body, _: body["digest"] in self._environments,
            "patch": lambda _, digest: digest in self._patches,
            "snapshot": lambda body, _: (body["dataset"], body["digest"]) in self._snapshots,
            "profile": lambda body, _: body["digest"] in self._parts,
            "signal": lambda body, _: body["id"] in self._signals,
            "run": lambda body, _: body["id"] in self.runs,
            "certificate": lambda body, _: body["run_id"] in self.runs,
            "version": lambda body, _: (body["model"], body["number"]) in self.versions,
            "alias": lambda body, _: (
                (body["model"], body["version"]) in self.versions and self._is_last(body)
            ),
            "decision": lambda body, _: (body["model"], body["version"]) in self.versions,
            "window": lambda body, _: (body["model"], body["version"]) in self.versions,
        }

    def _is_last(self, body: Body) -> bool:
        return bool(self._aliases[body["model"], body["alias"]] == body["version"])

    def _models(self) -> set[str]:
        return {body["pipeline"] for body in self._runs.values()} | {model for model, _ in self._versions}

    def _names(self) -> set[str]:
        return {
            *self._runs,
            *self._models(),
            *(f"{model}@{number}" for model, number in self._versions),
            *(f"{model}@{alias}" for (model, alias), version in self._aliases.items() if version),
        }

    def _of(self, kind: str) -> Iterator[Incoming]:
        return (one for one in self.facts if one.fact.kind == kind)


def _keys(run: Body, state: str) -> set[str]:
    return {step["key"] for step in run.get("steps", ()) if step["state"] == state and step["key"]}


def _makers(runs: Iterable[Body]) -> dict[str, str]:
    """Return the run whose step made what is under each key of the cache; the latest holds, as in the cache."""
    ordered = sorted(runs, key=lambda body: float(body["started_at"]))
    return {key: body["id"] for body in ordered for key in _keys(body, "ran")}


def digests_in(body: Any) -> set[str]:
    """Return every digest that stands anywhere in a body, of whatever it is one.

    What of these the source has as a blob is what the body names: so this holds too for what bodies will
    name one day.
    """
    found: set[str] = set()
    stack = [body]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, str) and is_digest(value):
            found.add(value)
    return found


def blobs_needed(kind: str, body: Any) -> set[str]:
    """Return the blobs without which a body is of no use: those of its artifacts and of its code."""
    own = {CODE: "files", BUNDLE: "code"}.get(kind)
    found = set(body.get(own, {}).values()) if own else set()
    stack = [body]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if {"blob", "format", "meta", "inline"} <= value.keys():
                found.update(blobs_of(Artifact.from_json(value)))
            else:
                stack.extend(value.values())
        elif isinstance(value, list | tuple):
            stack.extend(value)
    return found
