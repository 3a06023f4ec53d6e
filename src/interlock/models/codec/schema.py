"""What the rows of a value look like: the schema of a request and of an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeVar

from interlock.errors import InterlockError

Kind: TypeAlias = Literal["pandas", "polars", "arrow", "numpy", "list"]
"""The library whose value is rebuilt; "list" is plain Python."""

Container: TypeAlias = Literal["table", "column", "matrix"]
"""A table has named columns, a column is a series or a vector, a matrix has rows of `width` numbers."""

ColumnType: TypeAlias = Literal[
    "int", "float", "number", "bool", "string", "timestamp", "date", "duration", "category", "json"
]
"""What a value of the column is in JSON; a "number" is an integer or a float and stays which it was."""

Derived = TypeVar("Derived")


class Unservable(InterlockError):
    """A value that cannot be rebuilt exactly from JSON, so that no endpoint can be made for it."""

    def __init__(self, problem: str, *, column: str = "", hint: str = "") -> None:
        where = f"column {column!r}" if column else ""
        super().__init__(
            f"This value cannot be rebuilt from a JSON request: {problem}.", where=where, hint=hint
        )
        self.problem = problem
        self.column = column


class _Memo:
    """Keep what is made from a frozen value together with it: requests ask for it again and again."""

    def derived(self, make: Callable[[Any], Derived]) -> Derived:
        """Return `make(self)`, made once."""
        if make not in self._derived:
            self._derived[make] = make(self)
        kept: Derived = self._derived[make]
        return kept

    @cached_property
    def _derived(self) -> dict[Callable[[Any], Any], Any]:
        return {}


@dataclass(frozen=True)
class Column(_Memo):
    """One column, or the elements of a vector or matrix.

    Args:
        name: The key of a row, the name of a tensor.
        type: What its values are in JSON.
        dtype: What they become, in the words of the library.
        nullable: Whether the recorded value had a null here; if not, requests may not have one either.
        label: The label in pandas: a text, an integer or nothing (an unnamed series).
        number: The numpy name of the numbers ("int64"); empty for plain Python values.
        unit: The unit of timestamps and durations: s, ms, us or ns.
        tz: The time zone of timestamps; None for naive ones.
        null: What null becomes where the library has more than one: none, nan or na.
        categories: The values of a category, as JSON; empty when any text is one.
        ordered: Whether the categories have an order.
        of: The column of a category's values.
        index: Whether pandas keeps it in the index.
    """

    name: str
    type: ColumnType
    dtype: str
    nullable: bool = False
    label: str | int | None = None
    number: str = ""
    unit: str = ""
    tz: str | None = None
    null: Literal["", "none", "nan", "na"] = ""
    categories: tuple[Any, ...] = ()
    ordered: bool = False
    of: Column | None = None
    index: bool = False

    @cached_property
    def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and largest integer of the dtype, or None for plain Python integers."""
        if self.type not in {"int", "duration"} or not self.number:
            return None
        bits = int(self.number.lstrip("uint"))
        if self.number.startswith("u"):
            return 0, 2**bits - 1
        lowest = -(2 ** (bits - 1))
        return (lowest + 1 if self.type == "duration" else lowest), -lowest - 1  # the lowest duration is NaT

    def to_json(self) -> dict[str, Any]:
        """Return the column as JSON, without what has its default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = [
            field.name
            for field in fields(self)
            if field.default is MISSING or values[field.name] != field.default
        ]
        found = {name: values[name] for name in given}
        if self.categories:
            found["categories"] = list(self.categories)
        if self.of is not None:
            found["of"] = self.of.to_json()
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Column:
        """Rebuild what `to_json` gave."""
        parts = dict(found)
        if "categories" in parts:
            parts["categories"] = tuple(parts["categories"])
        if "of" in parts:
            parts["of"] = cls.from_json(parts["of"])
        return cls(**parts)


@dataclass(frozen=True)
class Schema(_Memo):
    """The rows of a value; rows of a table are objects, of a matrix arrays, of a column values.

    A column of pandas whose index says something is sent as objects too: the index is data.
    """

    kind: Kind
    container: Container
    columns: tuple[Column, ...]
    width: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def rows_are_objects(self) -> bool:
        """Tell whether a row in JSON is an object with the columns as members."""
        return self.container == "table" or len(self.columns) > 1

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON."""
        found: dict[str, Any] = {"kind": self.kind, "container": self.container}
        if self.container == "matrix":
            found["width"] = self.width
        return {**found, "columns": [column.to_json() for column in self.columns]}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Schema:
        """Rebuild what `to_json` gave."""
        columns = tuple(Column.from_json(column) for column in found["columns"])
        return cls(found["kind"], found["container"], columns, found.get("width", 0))


AnswerSchema: TypeAlias = Schema
"""The schema of an answer."""
