"""numpy arrays and scalars, and scipy sparse matrices, without pickle."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Unstorable, Written, library_of


class ArrayFormat:
    """numpy arrays and scalars as `.npy`."""

    name = "numpy"

    def handles(self, value: Any) -> bool:
        return library_of(value) == "numpy" and hasattr(value, "dtype") and hasattr(value, "tobytes")

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        np = require("numpy", extra="tables")
        if value.dtype.hasobject:
            raise Unstorable(
                "An array of Python objects cannot be kept.",
                hint="Convert it to numbers or text, or allow pickle: @step(pickle=True).",
            )
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        scalar = not isinstance(value, np.ndarray)
        return Written(
            buffer.getbuffer(), meta={"shape": list(value.shape), "dtype": str(value.dtype), "scalar": scalar}
        )

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        np = require("numpy", extra="tables")
        array = np.load(path, allow_pickle=False)
        return array[()] if artifact.meta["scalar"] else array


class SparseFormat:
    """scipy sparse matrices as `.npz`."""

    name = "scipy.sparse"

    def handles(self, value: Any) -> bool:
        return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "nnz")

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        sparse = require("scipy.sparse", extra="sklearn")
        buffer = io.BytesIO()
        sparse.save_npz(buffer, value, compressed=False)
        return Written(buffer.getbuffer(), meta={"shape": list(value.shape), "nnz": int(value.nnz)})

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return require("scipy.sparse", extra="sklearn").load_npz(path)
