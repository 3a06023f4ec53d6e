"""Bytes as they are, and values that nothing but pickle keeps."""

from __future__ import annotations

import pickle
import platform
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, Unstorable, Vault, type_name


class BytesFormat:
    """bytes and bytearray."""

    name = "bytes"

    def handles(self, value: Any) -> bool:
        """Match the two types exactly."""
        return type(value) in (bytes, bytearray)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the bytes."""
        return vault.put_bytes(memoryview(value), mutable=type(value) is bytearray)

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the bytes."""
        data = vault.bytes(artifact)
        return bytearray(data) if artifact.meta["mutable"] else data


class PickleFormat:
    """Anything that can be pickled, and only where a step asks for it.

    Reading a pickle runs code out of it. The store lets nobody come here who did not allow that.
    """

    name = "pickle"

    def handles(self, value: Any) -> bool:  # noqa: ARG002 - whatever reaches the last format is for it
        """Say yes."""
        return True

    def save(self, value: Any, vault: Vault) -> Stored:
        """Pickle by value what cannot be imported, such as functions of a notebook."""
        cloudpickle = require("cloudpickle", extra="pickle")
        try:
            data = cloudpickle.dumps(value)
        except Exception as error:
            raise Unstorable(
                f"A value of type {type_name(value)!r} cannot even be pickled: {error}.",
                hint="Return something else.",
                pickle_helps=False,
            ) from error
        return vault.put_bytes(data, python=platform.python_version(), cloudpickle=cloudpickle.__version__)

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Unpickle; the store has asked for permission and verified the bytes."""
        return pickle.loads(vault.bytes(artifact))  # noqa: S301 - see the class
