"""`interlock.lock`: the data, the environment and the champions of a commit, in a file that git keeps."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from interlock.engine.context import RunContext
from interlock.engine.datasets import current_snapshot, find_snapshot
from interlock.errors import InterlockError
from interlock.history.environments import compare_environments
from interlock.identity.environment import Environment, environment
from interlock.models.registry import CHAMPION
from interlock.stack.config import Name, Table
from interlock.store.publish import write_output

FILE = "interlock.lock"

_HEADER = """\
# The data, the environment and the champions that belong to this commit: written by `interlock lock`.
# Commit it. `interlock restore` brings them back, `interlock lock --check` says what differs from them.
"""

Digest = Annotated[str, StringConstraints(pattern=r"^blake3:[0-9a-f]{64}$")]


class NoLock(InterlockError):
    """The project has no lock file."""


class BadLock(InterlockError):
    """The lock file cannot be used."""


class LockedData(Table):
    """A dataset: its snapshot, the number that it had where it was locked, and how many parts it has."""

    digest: Digest
    snapshot: int
    parts: int


class LockedEnvironment(Table):
    """Interpreter, platform and distributions."""

    digest: Digest
    python: str
    platform: str
    distributions: dict[str, str]


class LockedModel(Table):
    """A champion: version and run as they were called where it was locked, the run's short id, the bundle."""

    version: int
    run: str
    id: str
    bundle: Digest


class Lock(Table):
    """The whole file."""

    lock: Literal[1] = 1
    data: dict[Name, LockedData] = Field(default_factory=dict)
    environment: LockedEnvironment
    model: dict[Name, LockedModel] = Field(default_factory=dict)


@dataclass(frozen=True)
class LockDifference:
    """Something that is not as the lock says; None stands for what is not there."""

    what: str
    locked: str | None
    now: str | None


def lock_of(context: RunContext) -> Lock:
    """Return the lock of the project as it now is.

    Raises:
        InterlockError: A dataset cannot be read.
    """
    here = environment()
    return Lock(
        data={name: _locked_data(context, name) for name in sorted(context.project.config.data)},
        environment=LockedEnvironment(
            digest=here.digest,
            python=here.python,
            platform=here.platform,
            distributions=dict(here.distributions),
        ),
        model=dict(_champions(context)),
    )


def _locked_data(context: RunContext, name: str) -> LockedData:
    pinned = context.records.datasets.pinned(name)
    snapshot = (
        current_snapshot(context, name) if pinned is None else find_snapshot(context, name, pinned).snapshot
    )
    record = context.records.datasets.by_digest(snapshot.digest, name)
    return LockedData(
        digest=snapshot.digest, snapshot=record.number if record else 0, parts=len(snapshot.parts)
    )


def _champions(context: RunContext) -> Iterator[tuple[str, LockedModel]]:
    records = context.records
    for model in records.models.names():
        version = records.models.alias(model, CHAMPION)
        if version is not None:
            run = records.runs.get(version.run_id)
            yield (
                model,
                LockedModel(
                    version=version.number, run=run.id, id=run.version_id or "", bundle=version.bundle
                ),
            )


def write_lock(root: Path, lock: Lock) -> Path:
    """Write the lock file of a project and return its path.

    Raises:
        WriteFailed: It cannot be written; what was there before still is.
    """
    path = root / FILE
    write_output(path, lock_text(lock).encode())
    return path


def lock_text(lock: Lock) -> str:
    """Return the text of a lock: sorted, so that two locks differ in the lines that differ."""
    body = lock.model_dump()
    distributions = body["environment"].pop("distributions")
    tables = [
        ("", {"lock": body["lock"]}),
        *((f"data.{_key(name)}", one) for name, one in sorted(body["data"].items())),
        ("environment", body["environment"]),
        ("environment.distributions", dict(sorted(distributions.items()))),
        *((f"model.{_key(name)}", one) for name, one in sorted(body["model"].items())),
    ]
    return _HEADER + "\n" + "\n".join(_table(name, values) for name, values in tables)


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"[{name}]"] if name else []
    lines += [f"{_key(key)} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else json.dumps(name)


def read_lock(root: Path) -> Lock:
    """Read the lock file of a project.

    Raises:
        NoLock: There is none.
        BadLock: It is not what `interlock lock` writes.
    """
    path = root / FILE
    try:
        return Lock.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise NoLock(
            f"The project has no {FILE}.", where=str(root), hint="Write it with: interlock lock"
        ) from None
    except ValidationError as error:
        faults = [f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise _bad(path, "\n".join(["it is not what `interlock lock` writes:", *faults])) from error
    except (OSError, ValueError) as error:
        raise _bad(path, str(error)) from error


def _bad(path: Path, why: str) -> BadLock:
    return BadLock(
        f"{FILE} cannot be used: {why}",
        where=str(path),
        hint="Take it from git as it was, or write it anew with: interlock lock",
    )


def differences(locked: Lock, now: Lock) -> list[LockDifference]:
    """Return what is not as it was locked; numbers count for nothing, as each store gives its own."""
    found = [
        *_differing(
            "data", {n: d.digest for n, d in locked.data.items()}, {n: d.digest for n, d in now.data.items()}
        ),
        *environment_differences(locked.environment, now.environment),
    ]
    for model in sorted(locked.model.keys() | now.model.keys()):
        before, after = locked.model.get(model), now.model.get(model)
        if _essence(before) != _essence(after):
            found.append(LockDifference(f"model.{model}", _told(before), _told(after)))
    return found


def environment_differences(
    locked: LockedEnvironment, now: LockedEnvironment | Environment
) -> list[LockDifference]:
    """Return what differs between two environments: interpreter, platform, each distribution."""
    if locked.digest == now.digest:
        return []
    then = Environment.of(locked.python, locked.platform, locked.distributions)
    here = Environment.of(now.python, now.platform, now.distributions)
    moved = compare_environments(then, here)
    pairs = {"python": moved.python, "platform": moved.platform, **moved.distributions}
    found = [
        LockDifference(f"environment.{what}", pair[0] or None, pair[1] or None)
        for what, pair in pairs.items()
        if pair
    ]
    return found or [LockDifference("environment", locked.digest, now.digest)]


def _differing(table: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[LockDifference]:
    names = sorted(before.keys() | after.keys())
    return [
        LockDifference(f"{table}.{name}", before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _essence(model: LockedModel | None) -> tuple[str, str] | None:
    return None if model is None else (model.id, model.bundle)


def _told(model: LockedModel | None) -> str | None:
    return None if model is None else f"version {model.version}, run {model.run} ({model.id})"
