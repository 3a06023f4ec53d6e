"""Bundles: all that serving a model needs, in the store, without the project.

A bundle is a manifest that names the slice, the frozen artifacts, the files of the project's code, the schemas of
requests and answers, the recorded rows and answers that monitoring compares with, and some golden rows whose answers
must come out again whenever it is loaded.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.engine.metrics import merged_metrics
from interlock.errors import did_you_mean
from interlock.graph.model import Ref
from interlock.graph.slices import Slice, run_slice
from interlock.graph.step import Step, StepOptions
from interlock.identity.artifact import Artifact
from interlock.identity.environment import Environment, environment
from interlock.models.bundle_code import Place
from interlock.models.bundle_files import lay_out
from interlock.models.bundle_manifest import FORMAT, KIND, BundleError, numbers_of, slice_of
from interlock.models.codec import AnswerSchema, Schema, decode_rows, encode_answer, infer_schema
from interlock.models.codespace import CodeSpace
from interlock.models.parity_answers import Answers, Mismatch
from interlock.stack.sockets import BlobStore
from interlock.store.artifacts import ArtifactStore

__all__ = ["KIND", "BundleError", "GoldenRowsDiffer", "LoadedBundle", "load_bundle"]

_TOLERANCES = {"float32": 1e-4, "float16": 1e-1}
_TOLERANCE = 1e-6
"""Golden rows come out again on another machine and its builds of the libraries: a looser rule than parity's."""

_SHOWN_CHANGES = 6


class GoldenRowsDiffer(BundleError):
    """A loaded bundle does not give the answers that were recorded with it."""


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
    run: str = ""

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.body["model"])

    @property
    def run_id(self) -> str:
        """The run that it was made from, as it is called in this store, where that is known."""
        return self.run or str(self.body["run"])

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

    @property
    def lock(self) -> Environment | None:
        """The environment of the run, with the version of every distribution."""
        return Environment.from_json(self.body["lock"]) if self.body.get("lock") else None

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
        known = {self._truth_ref(name): value for name, value in (truth or {}).items()}
        values = run_slice(self._judged, answer, {**self._frozen, **known})
        return merged_metrics(values.items())

    def truth_value(self, name: str, values: list[Any]) -> Any:
        """Return later outcomes as the type that the metrics step was given in training.

        Raises:
            BundleError: The name is none of `truth_inputs`.
            InvalidRequest: A value is of another type than in training.
        """
        return decode_rows(infer_schema(self._frozen[self._truth_ref(name)]), values)

    def reference_given(self) -> Any:
        """Return the recorded rows that the model was judged on."""
        return self._load(self.body["reference"]["given"])

    def reference_answer(self) -> Any:
        """Return the recorded answers to them."""
        return self._load(self.body["reference"]["answer"])

    def check_golden_rows(self) -> None:
        """Answer the golden rows again.

        Raises:
            GoldenRowsDiffer: An answer is another one than was recorded, or there is none.
        """
        rows, recorded = self.body["golden"]["rows"], self.body["golden"]["answers"]
        if not rows:
            return
        tolerance = max(_TOLERANCES.get(column.number, _TOLERANCE) for column in self.answer_schema.columns)
        try:
            answer = self.predict(decode_rows(self.request_schema, rows))
            got = encode_answer(self.answer_schema, answer, rows=len(rows))
            Answers(range(len(rows)), recorded, tolerance).compare("with the others", range(len(rows)), got)
        except Mismatch as found:
            raise self._differs(str(found)) from None
        except Exception as error:  # the boundary to user code, and to whatever libraries are here
            raise self._differs(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the code; nothing of this bundle may be called afterwards."""
        self._space.close()

    def _load(self, body: Mapping[str, Any]) -> Any:
        return self._artifacts.load(Artifact.from_json(body))

    def _truth_ref(self, name: str) -> Ref:
        if name not in self.body["truth"]:
            raise BundleError(
                f"Model {self.model!r} takes no truth named {name!r}.",
                hint=did_you_mean(name, self.truth_inputs) or "Its metrics take none at all.",
            )
        return Ref.parse(self.body["truth"][name])

    def _differs(self, why: str) -> GoldenRowsDiffer:
        return GoldenRowsDiffer(
            f"Model {self.model!r} of run {self.run_id} does not answer its golden rows as it did: {why}",
            hint=_changes(self.lock)
            or "The environment is the recorded one. A step of the slice may read something that is no part of the "
            "graph (a file, a variable, the clock): hand it to the step.",
        )


def _changes(lock: Environment | None) -> str:
    """Say what is other here than in the environment of the run."""
    if lock is None:
        return ""
    here = environment()
    facts = [("Python", lock.python, here.python), ("platform", lock.platform, here.platform)]
    names = sorted({*lock.distributions, *here.distributions})
    facts += [(n, lock.distributions.get(n, "none"), here.distributions.get(n, "none")) for n in names]
    changed = [f"{name} {then} → {now}" for name, then, now in facts if then != now]
    more = f" and {len(changed) - _SHOWN_CHANGES} more" if len(changed) > _SHOWN_CHANGES else ""
    return f"Changed since: {', '.join(changed[:_SHOWN_CHANGES])}{more}." if changed else ""


def load_bundle(
    store: BlobStore, digest: str, *, workdir: Path, version: int = 0, run: str = ""
) -> LoadedBundle:
    """Load a bundle and check that its golden rows come out again.

    Args:
        store: Where it is.
        digest: Its digest.
        workdir: A folder in which its code may be laid out.
        version: The number of the model version that it belongs to.
        run: The id of its run here; a run that was pulled may have been called otherwise where it was made.

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
    space = CodeSpace(lay_out(store, body["code"], workdir), body["top_levels"])
    try:
        load_step = functools.partial(_load_step, space)
        bundle = LoadedBundle(
            digest=digest,
            version=version,
            body=body,
            _artifacts=artifacts,
            _space=space,
            _slice=slice_of(body["slice"], load_step, artifacts.load),
            _judged=slice_of(body["metrics"], load_step, artifacts.load) if body["metrics"] else None,
            _frozen={
                Ref.parse(text): artifacts.load(Artifact.from_json(one))
                for text, one in body["frozen"].items()
            },
            run=run,
        )
        bundle.check_golden_rows()
    except BaseException:
        space.close()
        raise
    return bundle


def _load_step(space: CodeSpace, place: Place) -> Step[..., Any]:
    found = space.load(place.module, place.qualname)
    # `scoring = step(score)` leaves the function under its own name.
    return found if isinstance(found, Step) else Step(found, kind="step", name=None, options=StepOptions())
