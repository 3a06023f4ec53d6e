"""The champion on the challenger's holdout: its slice on the challenger's rows, judged by the challenger's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.engine.tracking import Scope, logging_into
from interlock.errors import InterlockError
from interlock.models.bundle import LoadedBundle
from interlock.models.codec import Schema, decode_rows, encode_rows


@dataclass(frozen=True)
class Comparison:
    """The champion's metrics on the same holdout, or why there are none."""

    version: int
    metrics: Mapping[str, float] | None = None
    failed: str = ""
    answer: Any = field(default=None, repr=False, compare=False)


def compare(champion: LoadedBundle, challenger: LoadedBundle, given: Any) -> Comparison:
    """Judge the champion as the challenger was judged.

    Args:
        champion: The loaded champion.
        challenger: The loaded challenger, whose metrics steps are used.
        given: The rows that the challenger was judged on. The champion gets the columns that it takes, in its
            order: a challenger may have learned to use more of them.

    Returns:
        The metrics; or the reason why the champion cannot be judged on these rows, so that gates fail closed.
    """
    unfit = _unfit(champion, challenger)
    if unfit:
        return Comparison(champion.version, failed=unfit)
    try:
        with logging_into(Scope()):  # what its steps log was logged when they were run
            answer = champion.predict(_as_taken(champion.request_schema, challenger.request_schema, given))
            return Comparison(champion.version, challenger.metrics(answer), answer=answer)
    except InterlockError as error:
        return Comparison(champion.version, failed=error.what)
    except Exception as error:  # noqa: BLE001 - the boundary to user code: the champion's steps, on newer rows
        return Comparison(champion.version, failed=f"{type(error).__name__}: {error}")


def _unfit(champion: LoadedBundle, challenger: LoadedBundle) -> str:
    """Say why the champion cannot be given the challenger's rows at all; "" when it can."""
    takes, judged_on = champion.request_schema, challenger.request_schema
    if (takes.kind, takes.container) != (judged_on.kind, judged_on.container):
        return (
            f"It takes a {takes.kind} {takes.container}, the challenger was judged on "
            f"a {judged_on.kind} {judged_on.container}."
        )
    if takes.container == "matrix" and takes.width != judged_on.width:
        return (
            f"It takes rows of {takes.width} numbers, the challenger was judged on rows of {judged_on.width}."
        )
    missing = [name for name in takes.names if name not in judged_on.names]
    if takes.container == "table" and missing:
        return (
            f"The two cannot be compared on the same rows: it takes {', '.join(map(repr, missing))}, "
            "which the rows that the challenger was judged on do not have."
        )
    return ""


def _as_taken(takes: Schema, has: Schema, given: Any) -> Any:
    """Return the rows with the columns that are taken, in their order."""
    same_index = _index(takes) == _index(has)
    if takes.container != "table" or (takes.names == has.names and same_index):
        return given
    if not same_index:  # a column became one of the index, or the other way round: as a request brings it
        rows = [{name: row[name] for name in takes.names} for row in encode_rows(has, given)]
        return decode_rows(takes, rows)
    if takes.kind == "pandas":
        labels = {column.name: column.label for column in has.columns}
        return given[[labels[column.name] for column in takes.columns if not column.index]]
    if takes.kind == "list":
        return [{name: row[name] for name in takes.names} for row in given]
    return given.select(list(takes.names))


def _index(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns if column.index]
