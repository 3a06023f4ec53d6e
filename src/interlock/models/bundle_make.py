"""From a run to its bundle: the slice, what is frozen, the code, the schemas, and what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.engine.context import RunContext
from interlock.engine.result import Run
from interlock.graph.deployables import judging_metrics
from interlock.graph.model import Deployable, Node, Ref, refs_of
from interlock.graph.slices import Slice, decided, run_slice, slice_graph
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.models.bundle_code import collect_code
from interlock.models.bundle_manifest import FORMAT, KIND, BundleError, Save, numbers_body, slice_body
from interlock.models.codec import (
    Schema,
    answer_schema,
    decode_rows,
    encode_answer,
    encode_rows,
    infer_schema,
    row_count,
    take_rows,
)
from interlock.store.artifacts import ArtifactStore
from interlock.store.formats.format import Unstorable

GOLDEN_ROWS = 20
"""Recorded rows whose answers have to come out again whenever the bundle is loaded."""


class UnsafeBundle(BundleError):
    """A bundle would hold a pickle, which an endpoint must not read."""


def make_bundle(context: RunContext, run: Run, model: str, environment: str | None) -> str:
    """Put the bundle of a run into the store and return its digest.

    Args:
        context: The store and the records.
        run: A run that succeeded.
        model: The name of the model.
        environment: Digest of the environment of the run.

    Raises:
        UnsafeBundle: A frozen artifact is a pickle, or a constant can only be kept as one.
        NotBundleable: A step's code cannot be carried to another place.
        Unservable: No request can bring what is given, or no endpoint can give the answer.
        BundleError: The run names no deployable.
    """
    deployable = run.graph.deployable
    if deployable is None:
        raise BundleError(f"Run {run.id} names no deployable; there is nothing to serve.")
    live = _decided(slice_graph(run.graph, deployable.given, [deployable.answer]), run)
    judging = [ref for ref in judging_metrics(run.graph, deployable) if ref in run.outputs]
    judged = _decided(slice_graph(run.graph, deployable.answer, judging), run) if judging else None
    pieces = [piece for piece in (live, judged) if piece is not None]
    code = collect_code(context.project.root, _steps(pieces))
    artifacts = {ref: _frozen(context, run, ref) for piece in pieces for ref in piece.frozen}
    frozen = {ref: context.artifacts.load(artifact) for ref, artifact in artifacts.items()}
    save = _saving(context.artifacts)
    locked = context.records.environments.get(environment) if environment else None
    given = run.value(deployable.given)
    body = {
        "format": FORMAT,
        "model": model,
        "run": run.id,
        "environment": environment,
        "lock": locked.to_json() if locked else None,
        "slice": slice_body(live, code.places, save),
        "metrics": slice_body(judged, code.places, save) if judged else None,
        "frozen": {str(ref): artifact.to_json() for ref, artifact in artifacts.items()},
        "truth": _truth_inputs(judged, frozen, row_count(given)) if judged else {},
        "code": {path: context.store.put_bytes(data) for path, data in sorted(code.files.items())},
        "top_levels": list(code.top_levels),
        "recorded_metrics": numbers_body(run.metrics),
        **_recorded(context, run, deployable, live, frozen, given),
    }
    return context.store.put_manifest(KIND, body)


def _decided(piece: Slice, run: Run) -> Slice:
    """Return a slice without the branches that this run, rather than each request, decided against."""
    left_out = {step.name: step.reason for step in run.steps if step.state == "skipped"}
    return decided(piece, left_out, run.value)


def _steps(pieces: Sequence[Slice]) -> dict[str, Step[..., Any]]:
    return {node.name: node.step for piece in pieces for node in piece.nodes if node.step is not None}


def _frozen(context: RunContext, run: Run, ref: Ref) -> Artifact:
    artifact = _artifact(context, run, ref)
    if artifact.format == "pickle":
        node = run.graph.node(ref.node)
        raise UnsafeBundle(
            f"The output {str(ref)!r} of type {artifact.type!r} is kept as a pickle; an endpoint does not read pickles.",
            where=node.step.location if node.step else "",
            hint="Return something that a safe format holds, such as a scikit-learn estimator or an array, "
            "and rebuild the rest in the steps that consume it.",
        )
    return artifact


def _artifact(context: RunContext, run: Run, ref: Ref) -> Artifact:
    """Return the artifact of an output; a dataset, which is kept where its source is, becomes one."""
    if run.graph.node(ref.node).kind == "data":
        return context.artifacts.save(run.value(ref))
    return run.artifact(ref)


def _saving(artifacts: ArtifactStore) -> Save:
    def save(value: Any, whose: str) -> Artifact:
        try:
            return artifacts.save(value)
        except Unstorable as error:
            raise UnsafeBundle(
                f"The {whose} is a constant that no safe format keeps: {error.what}",
                hint="Pass plain data, and make the object of it inside the step.",
            ) from error

    return save


def _truth_inputs(judged: Slice, frozen: Mapping[Ref, Any], rows: int) -> dict[str, str]:
    """Return what truth brings later, by param name: frozen inputs of the metrics with one entry a row."""
    found: dict[str, str] = {}
    for ref in judged.frozen:
        value = frozen[ref]
        if hasattr(value, "__len__") and not isinstance(value, str | bytes | dict) and len(value) == rows:
            name, node = _consumer(judged.nodes, ref)
            found[f"{node}.{name}" if name in found else name] = str(ref)
    return found


def _consumer(nodes: Sequence[Node], ref: Ref) -> tuple[str, str]:
    """Return the param, and its node, that an output is given to first."""
    return next(
        (name, node.name)
        for node in nodes
        for name, value in node.inputs.items()
        if ref in set(refs_of(value))
    )


def _recorded(
    context: RunContext,
    run: Run,
    deployable: Deployable,
    live: Slice,
    frozen: Mapping[Ref, Any],
    given: Any,
) -> dict[str, Any]:
    """Return what is recorded of the rows that the model was judged on."""
    request, reply = infer_schema(given), answer_schema(run.value(deployable.answer))
    return {
        "request": request.to_json(),
        "answer": reply.to_json(),
        "reference": {
            "given": _artifact(context, run, deployable.given).to_json(),
            "answer": _artifact(context, run, deployable.answer).to_json(),
        },
        "golden": _golden(live, frozen, request, reply, given),
    }


def _golden(
    live: Slice, frozen: Mapping[Ref, Any], request: Schema, reply: Schema, given: Any
) -> dict[str, list[Any]]:
    """Return some of the rows as a request brings them, and what the slice answers to exactly those.

    Whether that is what was recorded is another question, which parity asks: a slice that cannot answer
    them, or never twice alike, has no golden rows, and no parity either.
    """

    def answers() -> list[Any]:
        answered = run_slice(live, decode_rows(request, rows), frozen)[live.answers[0]]
        return encode_answer(reply, answered, rows=len(rows))

    none: dict[str, list[Any]] = {"rows": [], "answers": []}
    try:
        rows = encode_rows(request, take_rows(given, _spread(row_count(given), GOLDEN_ROWS)))
        golden = answers() if rows else []
        stays = not rows or golden == answers()
    except Exception:  # noqa: BLE001 - the boundary to user code: the slice may fail on these rows alone
        return none
    return {"rows": rows, "answers": golden} if stays else none


def _spread(count: int, most: int) -> list[int]:
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
