"""The records as values: frozen, free of SQL, and readable without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Self

from interlock.identity.artifact import Artifact, Snapshot

RunStatus = Literal["running", "succeeded", "stopped", "failed", "refused", "cancelled", "lost"]
"""`refused` stopped before its first step (a leak), `lost` is a run whose process died."""
ENDED_WELL = ("succeeded", "stopped")
"""How a run ends that has done all that there was to do."""
EndStatus = Literal["succeeded", "stopped", "failed", "refused", "cancelled"]
StepState = Literal["ran", "cached", "failed", "skipped", "stopped"]
VersionStatus = Literal["passed", "refused"]
SignalState = Literal["new", "claimed", "acted", "declined", "failed"]
ClosedState = Literal["acted", "declined", "failed"]
DecisionKind = Literal["retrained", "not retrained", "promoted", "not promoted", "rolled back"]
WindowKind = Literal["drift", "metric"]


class Unset(Enum):
    """The type of `UNSET`: "not given", where None already means something."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True)
class Commit:
    """What names a run: data, code, configuration and environment together.

    Attributes:
        version_id: The short id.
        facets: The digest of each of the four.
        code: Digest of the manifest that lists the project's files.
        graph: Digest of the manifest that says how the steps are connected.
    """

    version_id: str
    facets: Mapping[str, str]
    code: str
    graph: str


@dataclass(frozen=True)
class Certificate:
    """What came of an attempt to make a run again.

    Attributes:
        verdict: The outcome in one word.
        body: The whole report, artifact by artifact.
    """

    run_id: str
    number: int
    verdict: str
    body: Mapping[str, Any]
    at: float
    manifest: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline.

    Attributes:
        id: `pipeline/number`, the name that people use.
        sequence: Place among all runs in the order in which they were started, whatever the clock said.
        git: Commit, branch, remote and whether the work tree was dirty; the patch itself is `Runs.patch`.
        patch: Digest of the manifest that holds the patch of a dirty work tree.
        version_id: Short id that names data, code, configuration and environment together.
        facets: The digest of each of the four; the id is made of them.
        code: Digest of the manifest that lists the files of the project that the run was made of.
        graph: Digest of the manifest that says how its steps were connected.
        facts: What else was so on the machine: processor, libraries, thread counts, declared variables, seed.
        process: Identity of the process that survives the reuse of its number; empty where unknown.
        leaks: The leak report as JSON; `waivers` says which of them the code accepts, and why.
        manifest: Digest of the run manifest that this record was derived from.
    """

    id: str
    pipeline: str
    number: int
    sequence: int
    ref: str
    status: RunStatus
    pid: int
    host: str
    process: str
    started_at: float
    heartbeat_at: float
    recorded_at: float
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    waivers: Mapping[str, str] = field(default_factory=dict)
    leaks: Any = None
    git: Mapping[str, Any] | None = None
    patch: str | None = None
    environment: str | None = None
    version_id: str | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    graph: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    signal_id: int | None = None
    finished_at: float | None = None
    error: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    snapshots: Mapping[str, str] = field(default_factory=dict)
    model_version: int | None = None
    manifest: str | None = None


@dataclass(frozen=True)
class AttemptRecord:
    """One try of a step, and what it took; `error` is None when it succeeded."""

    number: int
    started_at: float
    seconds: float
    error: str | None = None
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    children_cpu_seconds: float = 0.0
    children_memory: int = 0
    gpu_memory: int = 0


@dataclass(frozen=True)
class StepRecord:
    """What one node did in one run.

    Attributes:
        key: Cache key; None when it has none (a step that was skipped before its inputs were known).
        cacheable: Whether later runs may reuse the outputs under `key`.
        fingerprint_parts: What the fingerprint was made of; stored once for each fingerprint.
        reason: Why it ran, was cached or was skipped, in words.
    """

    node: str
    position: int
    step: str
    kind: str
    state: StepState
    key: str | None = None
    cacheable: bool = True
    fingerprint: str | None = None
    fingerprint_parts: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    reason: str = ""
    error: str | None = None
    started_at: float = 0.0
    attempts: tuple[AttemptRecord, ...] = ()

    @property
    def finished_at(self) -> float:
        """Return when the step ended."""
        return self.started_at + self.seconds


@dataclass(frozen=True)
class ItemRecord:
    """What a mapped node did for one item of its list, in one run.

    Attributes:
        item: Place of the item in the list.
        key: Cache key of the item.
        cacheable: Whether later runs may reuse the outputs under `key`.
    """

    node: str
    item: int
    state: StepState
    key: str
    cacheable: bool = True
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    error: str | None = None
    started_at: float = 0.0
    attempts: tuple[AttemptRecord, ...] = ()

    @property
    def finished_at(self) -> float:
        """Return when the item ended."""
        return self.started_at + self.seconds


@dataclass(frozen=True)
class Claim:
    """What a run is at work on, and since when."""

    run_id: str
    node: str
    key: str
    at: float


@dataclass(frozen=True)
class CacheEntry:
    """Outputs that a later run may reuse, and the run and node that made them."""

    key: str
    run_id: str
    node: str
    outputs: Mapping[str, Artifact]
    created_at: float


@dataclass(frozen=True)
class Producer:
    """A node's output, in the run that recorded it."""

    run_id: str
    node: str
    output: str


@dataclass(frozen=True)
class MetricPoint:
    """One value of a series that a step logged; NaN and the infinities are kept."""

    run_id: str
    node: str
    name: str
    step: int
    value: float
    at: float


@dataclass(frozen=True)
class LogChunk:
    """A piece of what a step printed."""

    node: str
    stream: str
    text: str
    at: float


@dataclass(frozen=True)
class SnapshotRecord:
    """A dataset's snapshot and the number that it was given when it was first seen."""

    number: int
    snapshot: Snapshot
    recorded_at: float
    manifest: str | None = None


@dataclass(frozen=True)
class VerdictRecord:
    """What one gate said about a model version, with the numbers that it judged by."""

    gate: str
    passed: bool
    numbers: Mapping[str, Any]
    reason: str


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model: the bundle that a run made."""

    model: str
    number: int
    run_id: str
    bundle: str
    metrics: Mapping[str, float]
    status: VersionStatus
    signal_id: int | None
    created_at: float
    recorded_at: float
    manifest: str | None = None


@dataclass(frozen=True)
class AliasMove:
    """A change of where an alias points; `version` is None when the alias was taken away."""

    model: str
    number: int
    alias: str
    previous: int | None
    version: int | None
    reason: str
    actor: str
    at: float
    manifest: str | None = None


@dataclass(frozen=True)
class Signal:
    """What woke the loop: its kind, the evidence, and what came of it.

    `key` names the occasion; there is never a second signal of one model with one key.
    `epoch` is that of the lease under which the signal was claimed.
    """

    id: int
    model: str
    kind: str
    evidence: Mapping[str, Any]
    key: str
    state: SignalState
    epoch: int | None
    run_id: str | None
    version: int | None
    created_at: float
    closed_at: float | None
    recorded_at: float
    manifest: str | None = None


@dataclass(frozen=True)
class Decision:
    """What the loop decided about a model, and why."""

    id: int
    model: str
    signal_id: int | None
    kind: DecisionKind
    reason: str
    run_id: str | None
    version: int | None
    at: float
    manifest: str | None = None


@dataclass(frozen=True)
class Deployment:
    """An endpoint that serves an alias of a model."""

    model: str
    alias: str
    url: str
    pid: int | None
    version: int | None
    state: str
    updated_at: float


@dataclass(frozen=True)
class Window:
    """What a monitor measured over a span of time."""

    id: int
    model: str
    version: int
    kind: WindowKind
    started_at: float
    ended_at: float
    rows: int
    values: Mapping[str, Any]
    alarm: bool
    at: float
    manifest: str | None = None


@dataclass(frozen=True)
class Lease:
    """Who may act under a name; `holder` is None when it was given back."""

    name: str
    holder: str | None
    epoch: int
    expires_at: float


@dataclass(frozen=True)
class Fence:
    """A lease as its holder knows it, shown with each side effect.

    A holder that was stopped and woke up again shows an epoch that is no longer the lease's own; what
    it then tries to write is refused.
    """

    lease: str
    epoch: int

    @classmethod
    def of(cls, lease: Lease) -> Self:
        """Return the fence of `lease` as it stands."""
        return cls(lease.name, lease.epoch)
