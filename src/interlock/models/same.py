"""Whether a bundle is one that a model has already: the same model, made by another run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.engine.context import RunContext
from interlock.errors import InterlockError
from interlock.models.bundle_manifest import KIND, numbers_body
from interlock.records.model import ModelVersion


def same_version(
    context: RunContext, model: str, digest: str, metrics: Mapping[str, float]
) -> ModelVersion | None:
    """Return the version whose bundle differs from this one in nothing but the run; None when there is none.

    Args:
        context: The store and the records.
        model: The name of the model.
        digest: The digest of the bundle.
        metrics: The metrics of its run, by which most versions are ruled out without a look at their bundles.
    """
    wanted, numbers = _content(context, digest), numbers_body(metrics)
    for version in context.records.models.list(model):
        if numbers_body(version.metrics) == numbers and _content(context, version.bundle) == wanted:
            return version
    return None


def _content(context: RunContext, digest: str) -> Mapping[str, Any] | None:
    try:
        body = context.store.get_manifest(KIND, digest)
    except InterlockError:  # damaged or gone: whatever it was, it is none that can be served
        return None
    return {name: value for name, value in body.items() if name != "run"}
