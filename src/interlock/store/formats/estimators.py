"""scikit-learn estimators through skops: no pickle, and types from a closed list only."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, UnreadableArtifact, Unstorable, Vault, loaded, type_name
from interlock.store.formats.trusted import TRUSTED


class UntrustedTypes(Unstorable):
    """A model contains types that are not known to be safe to load."""

    def __init__(self, model: str, types: Iterable[str]) -> None:
        self.types = tuple(sorted(types))
        super().__init__(
            f"The {model} contains types that are not known to be safe to load: {', '.join(self.types)}.",
            hint="Build the model from scikit-learn's own parts.",
        )


class EstimatorFormat:
    """Estimators, transformers and pipelines of scikit-learn, fitted or not."""

    name = "skops"

    def handles(self, value: Any) -> bool:
        """Match what derives from scikit-learn's base class."""
        base = loaded("sklearn.base")
        return base is not None and isinstance(value, base.BaseEstimator)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the file; what could not be loaded later is refused now.

        Raises:
            UntrustedTypes: The model contains a type that is not on the list.
            Unstorable: skops does not know a type at all.
        """
        sio = require("skops.io", extra="sklearn")
        try:
            data = sio.dumps(value, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        except Exception as error:
            raise Unstorable(f"A {type_name(value)} cannot be kept by skops: {error}") from error
        _check_types(sio, data, type_name(value))
        return vault.put_bytes(data, sklearn=version("scikit-learn"), skops=version("skops"))

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the file.

        Raises:
            UnreadableArtifact: The file names a type that is not on the list.
        """
        sio = require("skops.io", extra="sklearn")
        data = vault.bytes(artifact)
        try:
            _check_types(sio, data, artifact.type)
        except UntrustedTypes as error:
            raise UnreadableArtifact(error.what, hint="It was not written by this store.") from error
        return sio.loads(data, trusted=sorted(TRUSTED))


def _check_types(sio: Any, data: bytes, model: str) -> None:
    untrusted = set(sio.get_untrusted_types(data=data)) - TRUSTED
    if untrusted:
        raise UntrustedTypes(model, untrusted)
