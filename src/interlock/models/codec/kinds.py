"""The five kinds of values that an endpoint can take and give, found without importing their libraries."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

from interlock.extras import require
from interlock.models.codec.cells import Cells
from interlock.models.codec.schema import Schema, Unservable

_KINDS = {"pandas": "pandas", "polars": "polars", "pyarrow": "arrow", "numpy": "numpy"}


class Kind(Protocol):
    """What the codec asks of one library; each kind is a module with these functions."""

    def infer(self, value: Any, name: str) -> Schema:
        """Return the schema; `name` names what has no name of its own. Raises Unservable."""
        ...

    def lists(self, value: Any, schema: Schema, *, nan_is_null: bool) -> list[list[Any]]:
        """Return JSON values column by column; a matrix gives one list, row after row. Raises NotEncodable."""
        ...

    def build(self, schema: Schema, cells: Sequence[Cells], rows: int) -> Any:
        """Return the value that has these cells, with exactly the dtypes of the schema."""
        ...

    def count(self, value: Any) -> int:
        """Return the number of rows."""
        ...

    def take(self, value: Any, rows: slice | Sequence[int]) -> Any:
        """Return the rows at these positions, in this order, as a value of the same type."""
        ...

    def concat(self, values: Sequence[Any]) -> Any:
        """Return the rows of all values of one type, one after another."""
        ...


def kind_named(name: str) -> Kind:
    """Return the kind, importing its library.

    Raises:
        MissingExtra: The library is not installed.
    """
    for library, kind in _KINDS.items():
        if kind == name:
            require(library, extra="polars" if library == "polars" else "tables")
    # Each kind imports its library at the top, so it is imported only where a value of it is at hand.
    return cast("Kind", importlib.import_module(f"interlock.models.codec.{name}_values"))


def kind_of(value: Any) -> Kind:
    """Return the kind of a value.

    Raises:
        Unservable: No endpoint can take or give such a value.
    """
    if isinstance(value, list):
        return kind_named("list")
    for base in type(value).__mro__:
        name = _KINDS.get(base.__module__.split(".")[0])
        if name is not None:
            return kind_named(name)
    raise Unservable(
        f"it is a {type(value).__name__}",
        hint="given and answer are a table or series of pandas or polars, a table of pyarrow, an array of numpy, "
        "or a list.",
    )
