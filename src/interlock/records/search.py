"""Search runs by their values, in one of two ways, whichever looks at fewer of them.

Few runs meet the rarest condition: look at all of these, and sort. Many do: walk along the order, and stop
when a page is full. Both read the indexes of `run_values` only, and then the runs of the page.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from interlock.errors import InterlockError, did_you_mean
from interlock.records.conditions import NEWEST, Condition, Field, Order
from interlock.records.database import Database
from interlock.records.run_values import FIELD, FIELDS, METRIC, PARAM, TAG
from interlock.records.schema import run_values, runs

__all__ = ["NEWEST", "Condition", "Order", "UnknownValue", "search_runs"]

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FEW = 20_000
"""Runs that are looked at one by one within a few hundredths of a second, so that no guess is needed."""

Span = tuple[Condition, ...]
"""Conditions on one value: a part of an index, and never empty."""

_PREFIXES = {METRIC: "metrics", PARAM: "params", TAG: "tags"}


class UnknownValue(InterlockError):
    """No run has what is searched for."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"No run has a metric, a param or a tag {name!r}.",
            hint=did_you_mean(name, {*known, *FIELDS}),
        )
        self.name = name


def search_runs(
    database: Database, conditions: Sequence[Condition], order: Order, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return the rows of the runs for which all conditions hold, in an order.

    Raises:
        UnknownValue: No run has what a condition or the order names.
    """

    def work(connection: sa.Connection) -> list[dict[str, Any]]:
        known = [replace(one, field=_resolved(connection, one.field)) for one in conditions]
        by = _resolved_order(connection, order)
        page = _page(connection, known, by, limit, offset)
        found = connection.execute(sa.select(runs).where(runs.c.id.in_(page))).mappings()
        rows = {row["id"]: dict(row) for row in found}
        return [rows[run_id] for run_id in page]

    return database.read(work)


def _resolved(connection: sa.Connection, field: Field) -> Field:
    """Return the field with its kind: a bare name is a metric where there is one, else a param, else a tag."""
    for kind in (METRIC, PARAM, TAG, FIELD) if field.kind is None else (field.kind,):
        there = _of(run_values, Field(kind, field.name))
        if connection.execute(sa.select(run_values.c.name).where(there).limit(1)).first():
            return Field(kind, field.name)
    if field.kind == FIELD:
        return field  # every run has it, and there is no run, or none of them is over
    raise UnknownValue(field.name, _names(connection, field.kind))


def _resolved_order(connection: sa.Connection, order: Order) -> Order:
    if order.field is None:
        return order
    field = _resolved(connection, order.field)
    numbers = sa.select(run_values.c.name).where(_of(run_values, field), run_values.c.number.is_not(None))
    by_text = connection.execute(numbers.limit(1)).first() is None
    return replace(order, field=field, by_text=by_text)


def _names(connection: sa.Connection, kind: str | None) -> list[str]:
    query = sa.select(run_values.c.kind, run_values.c.name).distinct().where(run_values.c.kind != FIELD)
    found = connection.execute(query).all()
    return [f"{_PREFIXES[row.kind]}.{row.name}" if kind else row.name for row in found]


def _page(
    connection: sa.Connection, conditions: Sequence[Condition], order: Order, limit: int, offset: int
) -> list[str]:
    """Return the ids of the runs of a page."""
    spans = _spans(conditions)
    if not spans:
        query = _along(order, ())
    else:
        counts = [_count(connection, one) for one in spans]
        query = _planned(connection, spans, counts, order, limit + offset)
    return list(connection.execute(query.limit(limit).offset(offset)).scalars())


def _spans(conditions: Sequence[Condition]) -> list[Span]:
    """Return the conditions by what they are about: those on one value are one span of an index."""
    fields = dict.fromkeys(one.field for one in conditions)
    return [tuple(one for one in conditions if one.field == field) for field in fields]


def _planned(
    connection: sa.Connection, spans: Sequence[Span], counts: Sequence[int], order: Order, end: int
) -> sa.Select[Any]:
    rarest = min(range(len(counts)), key=counts.__getitem__)
    every = connection.execute(sa.select(sa.func.max(runs.c.sequence))).scalar() or 1
    # As if what the conditions ask for had nothing to do with each other.
    met = math.prod(count / every for count in counts)
    if counts[rarest] > _FEW and met > 0 and end / met < counts[rarest]:
        return _along(order, spans)
    return _from_rarest(order, spans[rarest], [one for one in spans if one is not spans[rarest]])


def _along(order: Order, spans: Sequence[Span]) -> sa.Select[Any]:
    """Return the runs of all conditions, found by walking along an order."""
    if order.field is None:
        query = sa.select(runs.c.id).order_by(_directed(runs.c.sequence, order))
        return query.where(*(_also(runs.c.id, one) for one in spans))
    ranked = run_values.alias("ranked")
    query = sa.select(ranked.c.run_id).where(_of(ranked, order.field))
    query = query.where(*(_also(ranked.c.run_id, one) for one in spans))
    return _ordered(query, ranked, order)


def _from_rarest(order: Order, rarest: Span, others: Sequence[Span]) -> sa.Select[Any]:
    """Return the runs of all conditions, found among those of the rarest one."""
    first = run_values.alias("first")
    query = sa.select(first.c.run_id).where(_holds(first, rarest))
    query = query.where(*(_also(first.c.run_id, one) for one in others))
    if order.field is None:
        return query.order_by(_directed(first.c.sequence, order))
    if order.field == rarest[0].field:
        return _ordered(query, first, order)
    ranked = run_values.alias("ranked")
    query = query.join(ranked, sa.and_(ranked.c.run_id == first.c.run_id, _of(ranked, order.field)))
    return _ordered(query, ranked, order)


def _ordered(query: sa.Select[Any], ranked: sa.FromClause, order: Order) -> sa.Select[Any]:
    column = ranked.c.text if order.by_text else ranked.c.number
    # Of equal values the run that began later comes first, or last: as the index has them.
    return query.where(column.is_not(None)).order_by(
        _directed(column, order), _directed(ranked.c.sequence, order)
    )


def _directed(column: sa.ColumnElement[Any], order: Order) -> sa.UnaryExpression[Any]:
    return column.desc() if order.descending else column.asc()


def _also(run_id: sa.ColumnElement[str], span: Span) -> sa.ColumnElement[bool]:
    other = run_values.alias()
    return sa.exists(sa.select(other.c.run_id).where(other.c.run_id == run_id, _holds(other, span)))


def _holds(table: sa.FromClause, span: Span) -> sa.ColumnElement[bool]:
    return sa.and_(_of(table, span[0].field), *(_compared(table, one) for one in span))


def _compared(table: sa.FromClause, condition: Condition) -> sa.ColumnElement[bool]:
    column = table.c.text if isinstance(condition.value, str) else table.c.number
    compared: sa.ColumnElement[bool] = _SIGNS[condition.sign](column, condition.value)
    return compared


def _of(table: sa.FromClause, field: Field) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.kind == field.kind, table.c.name == field.name)


def _count(connection: sa.Connection, span: Span) -> int:
    query = sa.select(sa.func.count()).select_from(run_values).where(_holds(run_values, span))
    found: int = connection.execute(query).scalar_one()
    return found
