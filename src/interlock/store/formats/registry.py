"""All formats, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from interlock.errors import did_you_mean
from interlock.store.formats.arrays import ArrayFormat, SparseFormat
from interlock.store.formats.arrow import ArrowColumnFormat, ArrowFormat
from interlock.store.formats.boosters import LightgbmFormat, XgboostFormat
from interlock.store.formats.containers import ContainerFormat
from interlock.store.formats.estimators import EstimatorFormat
from interlock.store.formats.format import Format, UnreadableArtifact, Unstorable, type_name
from interlock.store.formats.pandas_tables import PandasFormat
from interlock.store.formats.paths import PathFormat
from interlock.store.formats.plain import JsonFormat
from interlock.store.formats.polars_tables import PolarsFormat
from interlock.store.formats.raw import BytesFormat, PickleFormat

_SOCKET = "format"


class Formats:
    """Finds the format for a value, and the one that an artifact names."""

    def __init__(self) -> None:
        self._safe: list[Format] = [
            JsonFormat(),
            PandasFormat(),
            ArrayFormat(),
            PolarsFormat(),
            ArrowFormat(),
            ArrowColumnFormat(),
            BytesFormat(),
            PathFormat(),
            SparseFormat(),
            LightgbmFormat(),  # before scikit-learn, of which its models are estimators
            XgboostFormat(),
            EstimatorFormat(),
            ContainerFormat(),
        ]
        self.pickle = PickleFormat()
        self._named: dict[str, Format] = {one.name: one for one in (*self._safe, self.pickle)}

    def find(self, value: Any) -> Format:
        """Return the format for a value: a safe one, of ours or of a plugin.

        Raises:
            Unstorable: No safe format keeps the value.
        """
        for one in self._safe:
            if one.handles(value):
                return one
        for name in _plugins():
            if self.named(name).handles(value):
                return self.named(name)
        raise Unstorable(
            f"A value of type {type_name(value)!r} cannot be kept in a safe format.",
            hint="Return plain data, a table, an array, bytes, a path, or a model of scikit-learn, "
            "LightGBM or XGBoost.",
        )

    def named(self, name: str) -> Format:
        """Return the format of that name.

        Raises:
            UnreadableArtifact: Neither we nor a plugin have it.
        """
        if name not in self._named:
            if name not in _plugins():
                raise UnreadableArtifact(
                    f"The format {name!r} is not known here.",
                    hint=did_you_mean(name, self._named),
                )
            from interlock.stack.plugins import load_plugin  # see _plugins

            self._named[name] = load_plugin(_SOCKET, name)()
        return self._named[name]


def _plugins() -> Iterable[str]:
    """Return the names of formats that plugins bring."""
    from interlock.stack.plugins import plugins  # reading what is installed is slow, and seldom needed

    return plugins(_SOCKET)
