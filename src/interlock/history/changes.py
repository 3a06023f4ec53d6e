"""Changes between two runs, one by one: code with its lines, packages, datasets part by part, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from interlock.history.sources import KeptCode, changed_lines
from interlock.records.model import RunRecord
from interlock.records.records import Records

Kind = Literal["code", "package", "python", "data", "param", "input", "seed", "variable"]


@dataclass(frozen=True)
class Change:
    """One thing that is no longer what it was.

    Attributes:
        kind: What kind of thing.
        what: Its name.
        before: What it was, in words; empty where it was not there, or words do not tell.
        after: What it is now.
        where: `path:line` of code.
        lines: The lines of code or the parts of a dataset that went (`-`), came (`+`) or changed (`~`).
    """

    kind: Kind
    what: str
    before: str = ""
    after: str = ""
    where: str = ""
    lines: tuple[str, ...] = ()


def code_changes(
    before: Mapping[str, str], after: Mapping[str, str], old: KeptCode, new: KeptCode
) -> Iterator[Change]:
    """Yield what differs between the parts of two fingerprints, by the code that was kept of both."""
    for label in sorted({*before, *after}):
        was, now = before.get(label), after.get(label)
        if was == now:
            continue
        if label == "python":
            yield Change("python", label, was or "", now or "")
        elif label.startswith("dist:"):
            yield Change("package", label.removeprefix("dist:"), was or "not used", now or "not used")
        else:
            yield _code_change(label, was, now, old, new)


def _code_change(label: str, was: str | None, now: str | None, old: KeptCode, new: KeptCode) -> Change:
    gone, come = old.definition(label), new.definition(label)
    lines = changed_lines(gone.lines if gone else (), come.lines if come else ())
    place = come or gone
    before = "" if was else "not reached"
    after = "" if now else "no longer reached"
    if was and now and not lines:
        # The text is the same: what it means is another, as with a constant made of something else.
        after = "came out differently"
    return Change("code", label, before, after, place.place if place else "", lines)


def data_changes(records: Records, dataset: str, before: RunRecord, after: RunRecord) -> Iterator[Change]:
    """Yield how a dataset differs between two runs, part by part."""
    was, now = before.snapshots.get(dataset), after.snapshots.get(dataset)
    if was == now:
        return
    old = records.datasets.by_digest(was, dataset) if was else None
    new = records.datasets.by_digest(now, dataset) if now else None
    parts = [{p.path: p.digest for p in one.snapshot.parts} if one else {} for one in (old, new)]
    lines = tuple(_part_lines(*parts))
    names = [f"{dataset}@{one.number}" if one else "" for one in (old, new)]
    yield Change("data", dataset, names[0], names[1], lines=lines)


def _part_lines(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*before, *after}):
        if path not in after:
            yield f"- {path}"
        elif path not in before:
            yield f"+ {path}"
        elif before[path] != after[path]:
            yield f"~ {path}"


def setting_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs of what all steps of a run depend on: the seed and the declared variables."""
    if before.get("seed", 0) != after.get("seed", 0):
        yield Change("seed", "seed", str(before.get("seed", 0)), str(after.get("seed", 0)))
    old, new = before.get("variables") or {}, after.get("variables") or {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Change("variable", name, _shown(old.get(name)), _shown(new.get(name)))


def _shown(value: str | None) -> str:
    return "not set" if value is None else value
