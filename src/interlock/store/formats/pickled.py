"""Anything, by cloudpickle: only where a step asks for it, and only read back inside runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Unstorable, Written


class PickleFormat:
    """The last resort."""

    name = "pickle"

    def handles(self, value: Any) -> bool:
        return True

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        cloudpickle = require("cloudpickle", extra="pickle")
        try:
            return Written(cloudpickle.dumps(value), meta={"pickle": True})
        except Exception as error:  # noqa: BLE001 - pickling runs code of the value
            raise Unstorable(f"{type(value).__name__} cannot even be pickled: {error}.") from error

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return require("cloudpickle", extra="pickle").loads(path.read_bytes())
