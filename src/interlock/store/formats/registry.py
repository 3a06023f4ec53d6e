"""All formats, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import did_you_mean
from interlock.store.formats.arrays import ArrayFormat, SparseFormat
from interlock.store.formats.base import Format, UnreadableArtifact, Unstorable, type_of
from interlock.store.formats.containers import ContainerFormat
from interlock.store.formats.estimators import EstimatorFormat
from interlock.store.formats.files import FileFormat, FolderFormat
from interlock.store.formats.pickled import PickleFormat
from interlock.store.formats.plain import BytesFormat, JsonFormat
from interlock.store.formats.tables import ArrowFormat, PandasFormat, PolarsFormat

_SAFE: tuple[Format, ...] = (
    JsonFormat(),
    PandasFormat(),
    ArrayFormat(),
    PolarsFormat(),
    ArrowFormat(),
    BytesFormat(),
    FileFormat(),
    FolderFormat(),
    EstimatorFormat(),
    SparseFormat(),
    ContainerFormat(),
)
_PICKLE = PickleFormat()


class Formats:
    """Finds the format of a value, or the one of a name."""

    def __init__(self, safe: tuple[Format, ...] = _SAFE) -> None:
        self._safe = safe
        self._named: Mapping[str, Format] = {one.name: one for one in (*safe, _PICKLE)}

    def find(self, value: Any, *, allow_pickle: bool = False) -> Format:
        """Return the first format that keeps the value.

        Raises:
            Unstorable: None does, and pickle is not allowed.
        """
        for one in self._safe:
            if one.handles(value):
                return one
        if allow_pickle:
            return _PICKLE
        raise Unstorable(
            f"A {type_of(value)} cannot be kept in any safe format.",
            hint="Return a table, array, number, text, list, dict, bytes, path or scikit-learn estimator, "
            "or allow pickle for this step: @step(pickle=True).",
        )

    def named(self, name: str) -> Format:
        """Return the format of a name.

        Raises:
            UnreadableArtifact: There is none.
        """
        if name not in self._named:
            raise UnreadableArtifact(
                f"There is no format {name!r} here.", hint=did_you_mean(name, self._named)
            )
        return self._named[name]
