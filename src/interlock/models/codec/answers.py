"""Answers of a slice as JSON, row by row."""

from __future__ import annotations

from typing import Any

from interlock.errors import InterlockError
from interlock.models.codec.outgoing import NotEncodable, OtherShape
from interlock.models.codec.rows import infer_schema, rows_of
from interlock.models.codec.schema import Schema, Unservable

NAME = "answer"


class BadAnswer(InterlockError):
    """The slice gave an answer that cannot be sent: the model is at fault, not the request."""

    def __init__(self, problem: str, *, row: int | None = None, column: str = "") -> None:
        super().__init__(f"The model's answer cannot be sent: {problem}.")
        self.problem = problem
        self.row = row
        self.column = column


def answer_schema(value: Any) -> Schema:
    """Return the schema of a recorded answer.

    Raises:
        Unservable: No endpoint can give such a value.
    """
    return infer_schema(value, name=NAME)


def encode_answer(schema: Schema, value: Any, *, rows: int | None = None) -> list[Any]:
    """Return the answer row by row as JSON values; `rows` is how many the request had.

    Raises:
        BadAnswer: There is a NaN or an infinity (it names the row), or the answer does not look like the
            recorded one or has another number of rows than the request.
    """
    try:
        found = rows_of(schema, value, name=NAME, nan_is_null=False)
    except NotEncodable as error:
        named = f"column {error.column!r}, " if schema.rows_are_objects or schema.width else ""
        raise BadAnswer(
            f"row {error.row}, {named}{error.problem}", row=error.row, column=error.column
        ) from error
    except OtherShape as error:
        raise BadAnswer(f"it does not look like the recorded one: {error.difference}") from error
    except Unservable as error:
        raise BadAnswer(error.problem, column=error.column) from error
    if rows is not None and len(found) != rows:
        raise BadAnswer(f"it has {len(found)} rows, the request has {rows}")
    return found
