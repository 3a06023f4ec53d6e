"""numpy arrays and scipy sparse matrices, without pickle."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.format import Stored, Unstorable, Vault, loaded
from interlock.store.formats.plain import decode, encode, to_text
from interlock.store.formats.scalars import NotPlain


class ArrayFormat:
    """numpy arrays as `.npy`, mapped into memory when they are read."""

    name = "numpy"

    def handles(self, value: Any) -> bool:
        """Match plain arrays; a masked array or a matrix is more than its values."""
        np = loaded("numpy")
        return np is not None and type(value) in (np.ndarray, np.memmap)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the file; an array of objects, such as labels in text, is written as plain data.

        Raises:
            Unstorable: The items are Python objects other than plain data.
        """
        np = require("numpy", extra="tables")
        if value.dtype.kind == "O":
            return _save_objects(value, vault)
        if value.dtype.hasobject or value.dtype.kind == "T":
            raise Unstorable(
                f"An array of dtype {value.dtype} cannot be kept: its items are Python objects.",
                hint="Convert it with astype(str) or the like.",
            )
        return vault.put_stream(
            lambda out: np.lib.format.write_array(out, np.asarray(value), (3, 0), allow_pickle=False),
            shape=list(value.shape),
            dtype=str(value.dtype),
        )

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Map the file: pages are read when they are looked at, and what is changed is changed in memory only."""
        np = require("numpy", extra="tables")
        if artifact.meta["dtype"] == "object":
            items = decode(json.loads(vault.text(artifact)))
            return object_array(items).reshape(artifact.meta["shape"])
        path = vault.path(artifact)
        if 0 in artifact.meta["shape"] or not artifact.meta["shape"]:
            return np.load(path, allow_pickle=False)  # nothing that could be mapped
        return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))


def object_array(items: Iterable[Any]) -> Any:
    """Return an array of objects; numpy itself would look into lists and make them dimensions."""
    np = require("numpy", extra="tables")
    held = list(items)
    array = np.empty(len(held), dtype=object)
    for place, item in enumerate(held):
        array[place] = item
    return array


def _save_objects(value: Any, vault: Vault) -> Stored:
    encoded = []
    for place, item in enumerate(value.ravel().tolist()):
        try:
            encoded.append(encode(item))
        except NotPlain as error:
            raise Unstorable(
                f"An array of dtype object cannot be kept: item {place} is of type {type(item).__qualname__!r}.",
                hint="Convert it with astype(float), astype(str) or the like.",
            ) from error
    return vault.put_text(to_text(encoded), shape=list(value.shape), dtype="object")


class SparseFormat:
    """scipy sparse matrices as `.npz`."""

    name = "scipy.sparse"

    def handles(self, value: Any) -> bool:
        """Match what scipy itself can write to a file."""
        sparse = loaded("scipy.sparse")
        return sparse is not None and sparse.issparse(value) and value.format in _SPARSE

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the file.

        Raises:
            Unstorable: The items are Python objects.
        """
        sparse = require("scipy.sparse", extra="sklearn")
        if value.dtype.hasobject:
            raise Unstorable(f"A sparse matrix of dtype {value.dtype} cannot be kept.")
        return vault.put_stream(
            lambda out: sparse.save_npz(out, value, compressed=False),
            shape=list(value.shape),
            dtype=str(value.dtype),
            nnz=int(value.nnz),
        )

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the file."""
        return require("scipy.sparse", extra="sklearn").load_npz(vault.path(artifact))


_SPARSE = ("csr", "csc", "coo", "bsr", "dia")
