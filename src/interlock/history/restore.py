"""Bring back what `interlock.lock` names: all of it, or nothing when one thing cannot be had."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from interlock.engine.context import RunContext
from interlock.errors import InterlockError
from interlock.history.locked_data import bring_back, problem_with
from interlock.history.lockfile import (
    FILE,
    Lock,
    LockDifference,
    LockedModel,
    environment_differences,
    read_lock,
)
from interlock.history.missing import find_missing, read_facts
from interlock.history.remotes import Remote, open_remote
from interlock.history.selection import Selection, blobs_needed, select
from interlock.history.transfer import (
    Transfer,
    Transferred,
    Watch,
    Wish,
    cache_of,
    own_store,
)
from interlock.identity.artifact import Part
from interlock.identity.environment import environment
from interlock.models.bundle_manifest import KIND as BUNDLE
from interlock.models.registry import CHAMPION, promote
from interlock.records.incoming import Incoming
from interlock.records.model import ModelVersion
from interlock.store.blobs import CorruptBlob

REASON = f"restored from {FILE}"


class CannotRestore(InterlockError):
    """Something that the lock names cannot be had; nothing was changed."""

    def __init__(self, problems: Sequence[str], *, source: str | None) -> None:
        super().__init__(
            "\n".join(["Nothing was restored, as not everything can be:", *(f"  {one}" for one in problems)]),
            where=FILE,
            hint="" if source else "Name a store that has it: interlock restore --from SOURCE",
        )
        self.problems = tuple(problems)


@dataclass(frozen=True)
class MovedAlias:
    """A champion that was put back; `previous` is the version that it was before, by its number here."""

    model: str
    previous: int | None
    version: int


@dataclass(frozen=True)
class Restored:
    """What was brought back.

    Attributes:
        data: What was done about each dataset, in words.
        models: The champions that had to move; the others were right.
        environment: What is not installed as it was locked: that is for you to bring back.
        pulled: What was copied from another store, if anything had to be.
    """

    data: dict[str, str]
    models: Sequence[MovedAlias]
    environment: Sequence[LockDifference]
    pulled: Transferred | None = None


@dataclass
class _Findings:
    """What was looked up before anything is changed."""

    problems: list[str] = field(default_factory=list)
    wanting: dict[str, LockedModel] = field(default_factory=dict)
    data: set[str] = field(default_factory=set)
    selection: Selection | None = None


def restore(context: RunContext, *, source: str | None = None, watch: Watch | None = None) -> Restored:
    """Bring back the data, and the champions, of the lock in the work tree.

    Args:
        context: The project.
        source: A store to pull from what is not here.
        watch: Who is told how far pulling is.

    Raises:
        NoLock, BadLock: There is no lock that could be read.
        CannotRestore: Something cannot be had; each is named, and nothing was changed.
    """
    lock = read_lock(context.project.root)
    findings = _look(context, lock)
    remote = open_remote(source, exists=True, cache=cache_of(context)) if source else None
    if remote is not None and (findings.wanting or findings.data):
        _look_there(context, lock, findings, remote)
    problems = [*findings.problems, *_still_lacking(context, lock, findings)]
    if problems:
        raise CannotRestore(problems, source=source)
    before = {name: context.records.models.alias(name, CHAMPION) for name in lock.model}
    pulled = _pull(context, remote, findings.selection, watch) if remote is not None else None
    versions = _found(context, lock, source)
    return Restored(
        data={name: bring_back(context, name, one) for name, one in lock.data.items()},
        models=list(_put_back(context, versions, before)),
        environment=environment_differences(lock.environment, environment()),
        pulled=pulled,
    )


def _still_lacking(context: RunContext, lock: Lock, findings: _Findings) -> Iterator[str]:
    for name, one in findings.wanting.items():
        yield f"model {name}: {_unknown(one)}"
    for name in sorted(findings.data):
        yield f"data {name}: {problem_with(context, name, lock.data[name])}"


def _pull(
    context: RunContext, remote: Remote, selection: Selection | None, watch: Watch | None
) -> Transferred | None:
    if selection is None:
        return None
    wish = Wish(watch=watch or (lambda _: None))
    return Transfer(remote, own_store(context), context.project.home.tmp, wish, follow=False).bring(selection)


def _look(context: RunContext, lock: Lock) -> _Findings:
    """Look for everything here; what is not is wanting."""
    found = _Findings()
    for name, one in lock.model.items():
        version = find_version(context, name, one)
        if version is not None and version.status != "passed":
            found.problems.append(f"model {name}: its version {version.number} counts as refused by now")
        elif version is None or not _is_whole(context, version):
            found.wanting[name] = one
    found.data = {name for name, one in lock.data.items() if problem_with(context, name, one)}
    return found


def find_version(context: RunContext, model: str, locked: LockedModel) -> ModelVersion | None:
    """Return the version of a model that a lock means, whatever its number is here."""
    for version in context.records.models.list(model):
        same = version.bundle == locked.bundle
        if same and (context.records.runs.get(version.run_id).version_id or "") == locked.id:
            return version
    return None


def _is_whole(context: RunContext, version: ModelVersion) -> bool:
    store = context.store
    if version.bundle not in set(store.manifests(BUNDLE)):
        return False
    try:
        body = store.get_manifest(BUNDLE, version.bundle)
    except CorruptBlob:  # set aside by now
        return False
    return all(map(store.has, blobs_needed(BUNDLE, body)))


def _unknown(locked: LockedModel) -> str:
    return f"version {locked.version} of run {locked.run} ({locked.id}) is not here"


def _look_there(context: RunContext, lock: Lock, findings: _Findings, remote: Remote) -> None:
    """Look in another store for what is wanting, and strike from the findings what can be had there."""
    facts, _ = read_facts(remote)
    names = {name: _name_there(facts, name, one) for name, one in findings.wanting.items()}
    had = [name for name in names.values() if name]
    snapshots = {(name, lock.data[name].digest) for name in findings.data}
    selection = (
        select(facts, had, remote.name) if had else Selection([replace(one, wanted=False) for one in facts])
    )
    selection = Selection([_with_snapshot(one, snapshots) for one in selection.facts])
    lacking = find_missing(remote, own_store(context), selection).nowhere
    findings.data -= {name for name, one in snapshots if _is_copied(facts, name, one, remote)}
    findings.problems += [f"{remote.name} lacks {one}" for one in lacking]
    findings.wanting = {name: one for name, one in findings.wanting.items() if not names[name]}
    findings.selection = selection


def _is_copied(facts: Sequence[Incoming], dataset: str, digest: str, remote: Remote) -> bool:
    """Tell whether another store has copies of all parts of a snapshot."""
    there = remote.blobs()
    for one in facts:
        if one.fact.kind == "snapshot" and (one.body["dataset"], one.body["digest"]) == (dataset, digest):
            return all(Part.from_json(part).bytes in there for part in one.body["parts"])
    return False


def _with_snapshot(one: Incoming, snapshots: set[tuple[str, str]]) -> Incoming:
    """Ask for a snapshot too, and for no alias: where those point is what the lock says."""
    if one.fact.kind == "alias":
        return replace(one, wanted=False)
    wanted = one.fact.kind == "snapshot" and (one.body["dataset"], one.body["digest"]) in snapshots
    return replace(one, wanted=one.wanted or wanted)


def _name_there(facts: Sequence[Incoming], model: str, locked: LockedModel) -> str | None:
    """Return what another store calls the version that a lock means."""
    ids = {one.body["id"]: one.body.get("version_id") or "" for one in facts if one.fact.kind == "run"}
    for one in facts:
        body = one.body
        meant = one.fact.kind == "version" and (body["model"], body["bundle"]) == (model, locked.bundle)
        if meant and body["status"] == "passed" and ids.get(body["run_id"]) == locked.id:
            return f"{model}@{body['number']}"
    return None


def _found(context: RunContext, lock: Lock, source: str | None) -> list[ModelVersion]:
    """Return the versions that the lock means: all of them, before the first alias is moved."""
    found = {name: find_version(context, name, one) for name, one in lock.model.items()}
    gone = [f"model {name}: {_unknown(lock.model[name])}" for name, one in found.items() if one is None]
    if gone:
        raise CannotRestore(gone, source=source)
    return [one for one in found.values() if one is not None]


def _put_back(
    context: RunContext, versions: Sequence[ModelVersion], before: Mapping[str, ModelVersion | None]
) -> Iterator[MovedAlias]:
    for version in versions:
        was = before[version.model]
        if was is None or was.number != version.number:
            promote(context.records, version.model, version.number, reason=REASON, actor=getpass.getuser())
            yield MovedAlias(version.model, was.number if was else None, version.number)
