"""Parity: the recorded rows, sent through the codec of the endpoint, must give the recorded answers.

Rows go one by one, in batches of several sizes and in shuffled order. A slice whose answer to a row
depends on the other rows of the batch (a mean over the batch, a rank, a shift) gives other answers then,
and is found.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.engine.tracking import Scope, logging_into
from interlock.errors import InterlockError
from interlock.models.codec import (
    AnswerSchema,
    BadAnswer,
    Schema,
    decode_rows,
    encode_answer,
    encode_rows,
    row_count,
    take_rows,
)
from interlock.models.parity_answers import Answers, Difference, Mismatch

SINGLE_ROWS = 64
"""How many rows are sent alone."""

MOST_ROWS = 5000
"""How many rows are sent at most, evenly spaced over the recorded ones."""

_BATCHES = (7, 256)
_BATCHES_OF_A_SIZE = 64


@dataclass(frozen=True)
class Parity:
    """What the comparison came to.

    Args:
        passed: Whether every answer was the recorded one.
        reason: What was compared, or what differed, in a sentence.
        rows: How many rows were compared.
        batches: How many requests were made of them, single rows among them.
        first_difference: The first answer that differed.
        max_abs_diff: The largest difference of two numbers that was seen.
        p50_ms: Median time of a request of one row, from its bytes to the bytes of its answer.
        p99_ms: The 99th percentile of the same.
    """

    passed: bool
    reason: str
    rows: int = 0
    batches: int = 0
    first_difference: Difference | None = None
    max_abs_diff: float = 0.0
    p50_ms: float = math.nan
    p99_ms: float = math.nan


def check_parity(
    predict: Callable[[Any], Any],
    schema: Schema,
    answer_schema: AnswerSchema,
    given: Any,
    answer: Any,
    *,
    tolerance: float | None = None,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> Parity:
    """Compare what the endpoint would answer with what the model was judged by.

    Whatever goes wrong on the way is a reason not to pass; nothing is raised for it.

    Args:
        predict: The slice.
        schema: What a request holds.
        answer_schema: What an answer looks like.
        given: The recorded rows.
        answer: The recorded answers.
        tolerance: The relative difference up to which two floats are the same; 0 asks for every bit. Left
            out, it is 1e-9 for double precision, 1e-5 for single and 1e-2 for half: a matrix product of
            another number of rows may differ in its last bits, as the order of its additions may.
        most_rows: How many rows are sent at most.
        seed: The seed of the shuffled order.
    """
    check = _Check(predict, schema, answer_schema, tolerance)
    try:
        with logging_into(Scope()):  # what the steps log was logged when they were run
            return check.run(given, answer, most_rows, seed)
    except Mismatch as found:
        return check.failed(found.what, found.difference)
    except SliceFailed as error:
        return check.failed(error.what)
    except InterlockError as error:
        return check.failed(f"The recorded rows cannot be compared: {error.what}")


class SliceFailed(InterlockError):
    """The slice raised, or its answer cannot be sent."""


class _Check:
    """One comparison: the rows as they are sent, what has to come back, and what has been seen so far."""

    def __init__(
        self,
        predict: Callable[[Any], Any],
        schema: Schema,
        answer_schema: AnswerSchema,
        tolerance: float | None,
    ) -> None:
        self._predict = predict
        self._schema = schema
        self._answer_schema = answer_schema
        self._tolerance = tolerance
        self._sent: list[Any] = []
        self._answers = Answers((), (), 0.0)
        self._batches = 0

    def run(self, given: Any, answer: Any, most_rows: int, seed: int) -> Parity:
        count, answered = row_count(given), row_count(answer)
        if count == 0:
            return self.failed("There are no recorded rows to compare.")
        if answered != count:
            reason = f"The recorded answer has {answered} rows for {count} recorded rows; a request needs one each."
            return self.failed(reason)
        chosen = _spread(range(count), most_rows)
        self._sent = encode_rows(self._schema, take_rows(given, chosen))
        recorded = encode_answer(self._answer_schema, take_rows(answer, chosen))
        tolerance = _tolerance(self._answer_schema) if self._tolerance is None else self._tolerance
        self._answers = Answers(chosen, json.loads(json.dumps(recorded)), tolerance)
        milliseconds = self._alone()
        sizes = self._together(seed)
        compared = str(len(chosen)) if len(chosen) == count else f"{len(chosen)} of {count}"
        return Parity(
            passed=True,
            reason=f"{compared} recorded rows give the recorded answers: alone, in batches of {sizes}, and shuffled.",
            rows=len(chosen),
            batches=self._batches,
            max_abs_diff=self._answers.max_abs_diff,
            p50_ms=_percentile(milliseconds, 0.5),
            p99_ms=_percentile(milliseconds, 0.99),
        )

    def failed(self, reason: str, difference: Difference | None = None) -> Parity:
        return Parity(
            passed=False,
            reason=reason,
            rows=len(self._sent),
            batches=self._batches,
            first_difference=difference,
            max_abs_diff=self._answers.max_abs_diff,
        )

    def _alone(self) -> list[float]:
        """Send single rows; return the milliseconds that each took."""
        rows = _spread(range(len(self._sent)), SINGLE_ROWS)
        self._send("alone", rows[:1])  # what is loaded or compiled on first use is no part of a request
        return [self._send("alone", [row]) for row in rows]

    def _together(self, seed: int) -> str:
        """Send batches in order and shuffled; return the sizes as text."""
        rows = range(len(self._sent))
        sizes = [size for size in _BATCHES if size < len(rows)]
        for size in sizes:
            for batch in _cut(_spread(rows, size * _BATCHES_OF_A_SIZE), size):
                self._send(f"in a batch of {size}", batch)
        self._send(f"in a batch of {len(rows)}", rows)
        shuffled = random.Random(seed).sample(rows, len(rows))  # noqa: S311 - an order, not a secret
        for batch in _cut(shuffled, _BATCHES[-1]):
            self._send("shuffled", batch)
        return " and ".join(map(str, [*sizes, len(rows)]))

    def _send(self, mode: str, rows: Sequence[int]) -> float:
        body = json.dumps([self._sent[row] for row in rows]).encode()
        self._batches += 1
        started = time.perf_counter()
        reply = self._answer(mode, rows, body)
        milliseconds = (time.perf_counter() - started) * 1000
        self._answers.compare(mode, rows, json.loads(reply))
        return milliseconds

    def _answer(self, mode: str, rows: Sequence[int], body: bytes) -> bytes:
        """Do what the endpoint does."""
        value = decode_rows(self._schema, json.loads(body))
        first = self._answers.row(rows[0])
        try:
            answer = self._predict(value)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise SliceFailed(f"The slice failed on row {first} sent {mode}: {problem}") from error
        try:
            return json.dumps(encode_answer(self._answer_schema, answer, rows=len(rows))).encode()
        except BadAnswer as error:
            raise SliceFailed(f"Row {first} sent {mode}: {error.what}") from error


def _tolerance(schema: AnswerSchema) -> float:
    tolerances = {"float32": 1e-5, "float16": 1e-2}
    return max(tolerances.get(column.number, 1e-9) for column in schema.columns)


def _spread(rows: Sequence[int], most: int) -> Sequence[int]:
    """Return at most so many of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= most:
        return rows
    if most == 1:
        return rows[:1]
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _cut(rows: Sequence[int], size: int) -> list[Sequence[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not exceeded by this share of the values."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
