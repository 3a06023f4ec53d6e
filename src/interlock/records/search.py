"""Search runs by their values, in the way that looks at few of them.

Where few runs meet the rarest condition, all of these are looked at. Where many do, a page is soon full on a walk
along the order; one that finds too little in time, as conditions may exclude each other, is given up for sets of
all runs that meet each condition. All read the indexes of `run_values` only, and then the runs of the page.
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
_FEW = 5000
"""Runs that are looked at one by one within a few hundredths of a second."""
_FAR = 5000
"""How far a walk along the order goes at most."""

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

    def found(query: sa.Select[Any]) -> list[str]:
        return list(connection.execute(query.limit(limit).offset(offset)).scalars())

    spans = _spans(conditions)
    if not spans:
        return found(_walk(order))
    counts = [_count(connection, one) for one in spans]
    place = min(range(len(counts)), key=counts.__getitem__)
    rarest, others = spans[place], [*spans[:place], *spans[place + 1 :]]
    along = not others and order.field == rarest[0].field  # the span lies in the order that is asked for
    if along or counts[place] <= _FEW:
        return found(_each(order, rarest, others))
    page = found(_stretch(order, spans, _length(connection, counts, limit + offset)))
    return page if len(page) == limit else found(_sets(order, rarest, others))


def _spans(conditions: Sequence[Condition]) -> list[Span]:
    """Return the conditions by what they are about: those on one value are one span of an index."""
    fields = dict.fromkeys(one.field for one in conditions)
    return [tuple(one for one in conditions if one.field == field) for field in fields]


def _length(connection: sa.Connection, counts: Sequence[int], end: int) -> int:
    """Return how far to walk for a page: amply what it takes if the conditions have nothing to do with each other."""
    every = connection.execute(sa.select(sa.func.max(runs.c.sequence))).scalar() or 1
    return int(min(4 * end / math.prod(count / every for count in counts) + 100, _FAR))


def _walk(order: Order) -> sa.Select[Any]:
    """Return all runs in an order, with what they are ordered by."""
    if order.field is None:
        query = sa.select(runs.c.id.label("run_id"), runs.c.sequence.label("rank"), runs.c.sequence)
        return query.order_by(_directed(runs.c.sequence, order))
    ranked = run_values.alias("ranked")
    rank = (ranked.c.text if order.by_text else ranked.c.number).label("rank")
    query = sa.select(ranked.c.run_id, rank, ranked.c.sequence).where(_of(ranked, order.field))
    return _ordered(query, ranked, order)


def _stretch(order: Order, spans: Sequence[Span], length: int) -> sa.Select[Any]:
    """Return the runs of all conditions among the first ones of an order."""
    first = _walk(order).limit(length).subquery("first")
    query = sa.select(first.c.run_id).where(*(_also(first.c.run_id, one) for one in spans))
    return query.order_by(_directed(first.c.rank, order), _directed(first.c.sequence, order))


def _each(order: Order, rarest: Span, others: Sequence[Span]) -> sa.Select[Any]:
    """Return the runs of all conditions, looking at each that meets the rarest one."""
    first = run_values.alias("first")
    query = sa.select(first.c.run_id).where(_holds(first, rarest))
    return _ranked(query.where(*(_also(first.c.run_id, one) for one in others)), first, order, rarest)


def _sets(order: Order, rarest: Span, others: Sequence[Span]) -> sa.Select[Any]:
    """Return the runs of all conditions: those of the rarest one that are in the set of each other one."""
    first = run_values.alias("first")
    query = sa.select(first.c.run_id).where(_holds(first, rarest), *(_within(first, one) for one in others))
    return _ranked(query, first, order, rarest)


def _ranked(query: sa.Select[Any], first: sa.FromClause, order: Order, span: Span) -> sa.Select[Any]:
    """Put the runs of a query over the values of a span into an order."""
    if order.field is None:
        return query.order_by(_directed(first.c.sequence, order))
    if order.field == span[0].field:
        return _ordered(query, first, order)
    ranked = run_values.alias("ranked")
    query = query.join(ranked, sa.and_(ranked.c.run_id == first.c.run_id, _of(ranked, order.field)))
    return _ordered(query, ranked, order)


def _within(table: sa.FromClause, span: Span) -> sa.ColumnElement[bool]:
    other = run_values.alias()
    # Not the bare column: SQLite would go through the set, and look each of it up in the table.
    return table.c.run_id.concat("").in_(sa.select(other.c.run_id).where(_holds(other, span)))


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
