"""Bundles: all that serving a model needs, in the store, without the project.

A bundle is a manifest that names the slice, the frozen artifacts, the files of the project's code, the schemas of
requests and answers, the recorded rows and answers that monitoring compares with, and some golden rows whose answers
must come out again whenever it is loaded.
"""

from __future__ import annotations

import contextlib
import functools
import math
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.engine.context import RunContext
from interlock.engine.metrics import merged_metrics
from interlock.engine.result import Run
from interlock.errors import InterlockError
from interlock.graph.model import Deployable, Node, Ref, refs_of
from interlock.graph.slices import Slice, run_slice, slice_graph
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_json
from interlock.models.bundle_code import Place, collect_code
from interlock.models.bundle_manifest import FORMAT, numbers_body, numbers_of, slice_body, slice_of
from interlock.models.codec import (
    AnswerSchema,
    Schema,
    answer_schema,
    decode_rows,
    encode_answer,
    encode_rows,
    infer_schema,
    row_count,
    take_rows,
)
from interlock.models.codespace import CodeSpace
from interlock.stack.sockets import BlobStore
from interlock.store.artifacts import ArtifactStore

KIND = "bundle"
"""The kind of a bundle's manifest in the store."""

GOLDEN_ROWS = 20
_GOLDEN_TOLERANCE = 1e-9


class BundleError(InterlockError):
    """A run cannot be made into a bundle, or a bundle cannot be loaded."""


class UnsafeBundle(BundleError):
    """A bundle would hold a pickle, which an endpoint must not read."""


class GoldenRowsDiffer(BundleError):
    """A loaded bundle does not give the answers that were recorded with it."""


def make_bundle(context: RunContext, run: Run, model: str, environment: str | None) -> str:
    """Put the bundle of a run into the store and return its digest.

    Raises:
        UnsafeBundle: A frozen artifact is a pickle.
        NotBundleable: A step's code cannot be carried to another place.
        Unservable: No request can bring what is given, or no endpoint can give the answer.
        BundleError: The run names no deployable.
    """
    deployable = run.graph.deployable
    if deployable is None:
        raise BundleError(f"Run {run.id} names no deployable; there is nothing to serve.")
    live = slice_graph(run.graph, deployable.given, [deployable.answer])
    judged = slice_graph(run.graph, deployable.answer, deployable.metrics) if deployable.metrics else None
    pieces = [piece for piece in (live, judged) if piece is not None]
    code = collect_code(context.project.root, _steps(pieces))
    given, answer = run.value(deployable.given), run.value(deployable.answer)
    save = context.artifacts.save
    body = {
        "format": FORMAT,
        "model": model,
        "run": run.id,
        "environment": environment,
        "slice": slice_body(live, code.places, save),
        "metrics": slice_body(judged, code.places, save) if judged else None,
        "frozen": {
            str(ref): _frozen(context, run, ref).to_json() for piece in pieces for ref in piece.frozen
        },
        "truth": _truth_inputs(run, judged, row_count(given)) if judged else {},
        "code": {path: context.store.put_bytes(data) for path, data in sorted(code.files.items())},
        "top_levels": list(code.top_levels),
        "recorded_metrics": numbers_body(run.metrics),
        **_recorded(context, run, deployable, given, answer),
    }
    return context.store.put_manifest(KIND, body)


def _steps(pieces: list[Slice]) -> dict[str, Step[..., Any]]:
    return {node.name: node.step for piece in pieces for node in piece.nodes if node.step is not None}


def _frozen(context: RunContext, run: Run, ref: Ref) -> Artifact:
    node = run.graph.node(ref.node)
    artifact = context.artifacts.save(run.value(ref)) if node.kind == "data" else run.artifact(ref)
    if artifact.format == "pickle":
        raise UnsafeBundle(
            f"The output {str(ref)!r} is kept as a pickle; an endpoint does not read pickles.",
            where=node.step.location if node.step else "",
            hint="Return something that a safe format holds, such as a scikit-learn estimator or an array.",
        )
    return artifact


def _recorded(
    context: RunContext, run: Run, deployable: Deployable, given: Any, answer: Any
) -> dict[str, Any]:
    """Return what is recorded of the rows that the model was judged on."""
    request, reply = infer_schema(given), answer_schema(answer)
    rows = _spread(row_count(given), GOLDEN_ROWS) if row_count(given) == row_count(answer) else []
    return {
        "request": request.to_json(),
        "answer": reply.to_json(),
        "reference": {
            "given": _artifact(context, run, deployable.given, given).to_json(),
            "answer": _artifact(context, run, deployable.answer, answer).to_json(),
        },
        "golden": {
            "rows": encode_rows(request, take_rows(given, rows)) if rows else [],
            "answers": encode_answer(reply, take_rows(answer, rows)) if rows else [],
        },
    }


def _artifact(context: RunContext, run: Run, ref: Ref, value: Any) -> Artifact:
    return context.artifacts.save(value) if run.graph.node(ref.node).kind == "data" else run.artifact(ref)


def _spread(count: int, most: int) -> list[int]:
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _truth_inputs(run: Run, judged: Slice, rows: int) -> dict[str, str]:
    """Return the frozen inputs of the metrics that have one entry a row: what truth brings later, by param name."""
    found: dict[str, str] = {}
    for ref in judged.frozen:
        value = run.value(ref)
        if hasattr(value, "__len__") and not isinstance(value, str | dict) and len(value) == rows:
            found[_input_name(judged.nodes, ref)] = str(ref)
    return found


def _input_name(nodes: tuple[Node, ...], ref: Ref) -> str:
    for node in nodes:
        for name, value in node.inputs.items():
            if ref in refs_of(value):
                return name
    return str(ref)


@dataclass
class LoadedBundle:
    """A bundle that is ready to answer. Safe to use from several threads."""

    digest: str
    version: int
    body: Mapping[str, Any] = field(repr=False)
    _artifacts: ArtifactStore = field(repr=False)
    _space: CodeSpace = field(repr=False)
    _slice: Slice = field(repr=False)
    _judged: Slice | None = field(repr=False)
    _frozen: Mapping[Ref, Any] = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.body["model"])

    @property
    def run_id(self) -> str:
        """The run that it was made from."""
        return str(self.body["run"])

    @functools.cached_property
    def request_schema(self) -> Schema:
        """What a request holds."""
        return Schema.from_json(self.body["request"])

    @functools.cached_property
    def answer_schema(self) -> AnswerSchema:
        """What an answer looks like."""
        return AnswerSchema.from_json(self.body["answer"])

    @property
    def metrics_recorded(self) -> dict[str, float]:
        """The metrics of the run."""
        return numbers_of(self.body["recorded_metrics"])

    @property
    def truth_inputs(self) -> tuple[str, ...]:
        """The names of what must be known later to judge answers: inputs of the metrics steps."""
        return tuple(self.body["truth"])

    def predict(self, given: Any) -> Any:
        """Run the slice on rows of the type that the model was judged on."""
        return run_slice(self._slice, given, self._frozen)[self._slice.answers[0]]

    def metrics(self, answer: Any, truth: Mapping[str, Any] | None = None) -> dict[str, float]:
        """Judge an answer with the pipeline's own metrics steps.

        Args:
            answer: The answer.
            truth: Values for `truth_inputs`; what is left out is that of the training run's holdout.

        Raises:
            BundleError: The pipeline has no metrics, or a name is none of `truth_inputs`.
        """
        if self._judged is None:
            raise BundleError(f"Model {self.model!r} has no metrics step.")
        unknown = set(truth or {}) - set(self.truth_inputs)
        if unknown:
            raise BundleError(
                f"Model {self.model!r} takes no truth named {', '.join(sorted(unknown))}.",
                hint=f"It takes: {', '.join(self.truth_inputs) or 'none'}.",
            )
        known = {Ref.parse(self.body["truth"][name]): value for name, value in (truth or {}).items()}
        values = run_slice(self._judged, answer, {**self._frozen, **known})
        return merged_metrics(values.items())

    def truth_value(self, name: str, values: list[Any]) -> Any:
        """Return later outcomes as the type that the metrics step was given in training.

        Raises:
            InvalidRequest: A value is of another type than in training.
        """
        recorded = self._frozen[Ref.parse(self.body["truth"][name])]
        return decode_rows(infer_schema(recorded), values)

    def reference_given(self) -> Any:
        """Return the recorded rows that the model was judged on."""
        return self._load(self.body["reference"]["given"])

    def reference_answer(self) -> Any:
        """Return the recorded answers to them."""
        return self._load(self.body["reference"]["answer"])

    def check_golden_rows(self) -> None:
        """Answer the golden rows again.

        Raises:
            GoldenRowsDiffer: An answer is another one than was recorded.
        """
        rows, expected = self.body["golden"]["rows"], self.body["golden"]["answers"]
        if not rows:
            return
        got = encode_answer(self.answer_schema, self.predict(decode_rows(self.request_schema, rows)))
        for number, (before, now) in enumerate(zip(expected, got, strict=True)):
            if not _same(before, now):
                raise GoldenRowsDiffer(
                    f"{self.model} ({self.digest[:19]}…) answers golden row {number} with {now!r}; "
                    f"{before!r} was recorded with it.",
                    hint="The libraries here differ from those it was trained with, or the machine does.",
                )

    def close(self) -> None:
        """Let go of the code; nothing of this bundle may be called afterwards."""
        self._space.close()

    def _load(self, body: Mapping[str, Any]) -> Any:
        return self._artifacts.load(Artifact.from_json(body))


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_same, before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(_same(before[name], now[name]) for name in before)
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=_GOLDEN_TOLERANCE, abs_tol=1e-12)
    return bool(before == now)


def load_bundle(store: BlobStore, digest: str, *, workdir: Path, version: int = 0) -> LoadedBundle:
    """Load a bundle and check that its golden rows come out again.

    Args:
        store: Where it is.
        digest: Its digest.
        workdir: A folder in which its code may be laid out.
        version: The number of the model version that it belongs to.

    Raises:
        BundleError: It is of a later version, or its golden rows differ.
        CodeSpaceError: Its code cannot be imported.
        CorruptBlob: Something of it is damaged.
        PickleRefused: It holds a pickle.
    """
    body = store.get_manifest(KIND, digest)
    if body["format"] > FORMAT:
        raise BundleError(
            f"Bundle {digest[:19]}… was made by a later Interlock.", hint="Upgrade Interlock here."
        )
    artifacts = ArtifactStore(store)

    def load(artifact: Artifact) -> Any:
        return artifacts.load(artifact)

    space = CodeSpace(_lay_out(store, body["code"], workdir), body["top_levels"])
    try:
        load_step = functools.partial(_load_step, space, body["top_levels"])
        bundle = LoadedBundle(
            digest=digest,
            version=version,
            body=body,
            _artifacts=artifacts,
            _space=space,
            _slice=slice_of(body["slice"], load_step, load),
            _judged=slice_of(body["metrics"], load_step, load) if body["metrics"] else None,
            _frozen={Ref.parse(text): load(Artifact.from_json(one)) for text, one in body["frozen"].items()},
        )
        bundle.check_golden_rows()
    except BaseException:
        space.close()
        raise
    return bundle


def _load_step(space: CodeSpace, top_levels: list[str], place: Place) -> Step[..., Any]:
    if place.module.partition(".")[0] in top_levels:
        found = space.load(place.module, place.qualname)
    else:  # a step of an installed package, which the environment holds
        import importlib

        found = importlib.import_module(place.module)
        for part in place.qualname.split("."):
            found = getattr(found, part)
    if not isinstance(found, Step):
        raise BundleError(f"{place.module}:{place.qualname} is no step in the bundle's code.")
    return found


def _lay_out(store: BlobStore, files: Mapping[str, str], workdir: Path) -> Path:
    """Write the code of a bundle into a folder named by its content; one that is there is used as it is."""
    folder = workdir / "code" / digest_json(["Code", dict(files)]).removeprefix("blake3:")[:32]
    if folder.is_dir():
        return folder
    fresh = folder.with_name(f".{uuid.uuid4().hex}")
    for name, blob in files.items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(store.get_bytes(blob))
    fresh.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # somebody else was faster: theirs is the same
        fresh.rename(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    return folder
