"""Parity: the recorded rows, sent through the codec of the endpoint, must give the recorded answers.

Rows go one by one, in batches of several sizes and in shuffled order. A slice whose answer to a row depends on the
other rows of the batch (a mean over the batch, a rank) gives other answers then, and is found.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InterlockError
from interlock.models.codec import (
    AnswerSchema,
    Schema,
    decode_rows,
    encode_answer,
    encode_rows,
    row_count,
    take_rows,
)

RELATIVE_TOLERANCE = 1e-9
"""Difference, relative to the larger value, up to which two floats are the same answer. Matrix products of different
batch sizes may differ in the last bits, because the order of additions in BLAS depends on the size."""

SINGLE_ROWS = 64
MOST_ROWS = 5000
_BATCHES = (7, 256)
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """The first answer that differs from the recorded one."""

    mode: str
    row: int
    column: str | None
    expected: Any
    got: Any


@dataclass(frozen=True)
class Parity:
    """What the comparison came to.

    Attributes:
        rows: Rows compared, each in every mode but one by one, where `singles` of them are.
        p50_ms: Median time of a request of one row, through the codec.
        p99_ms: The 99th percentile of the same.
    """

    passed: bool
    reason: str
    rows: int = 0
    singles: int = 0
    first_difference: Difference | None = None
    p50_ms: float = math.nan
    p99_ms: float = math.nan


class _Differs(Exception):
    def __init__(self, difference: Difference) -> None:
        super().__init__(difference)
        self.difference = difference


def check_parity(
    predict: Callable[[Any], Any],
    schema: Schema,
    answers: AnswerSchema,
    given: Any,
    answer: Any,
    *,
    tolerance: float = RELATIVE_TOLERANCE,
) -> Parity:
    """Compare what the endpoint would answer with what the model was judged by.

    Args:
        predict: The slice.
        schema: What a request holds.
        answers: What an answer looks like.
        given: The recorded rows.
        answer: The recorded answers.
        tolerance: Relative difference up to which floats are the same.

    Returns:
        Whether all are the same; whatever goes wrong is a reason not to be.
    """
    rows = row_count(given)
    if rows == 0:
        return Parity(passed=False, reason="There are no recorded rows to compare.")
    try:
        if row_count(answer) != rows:
            reason = f"The recorded answer has {row_count(answer)} entries for {rows} rows; a request needs one for each."
            return Parity(passed=False, reason=reason)
        return _Check(predict, schema, answers, tolerance).run(given, answer)
    except _Differs as differs:
        found = differs.difference
        return Parity(passed=False, reason=_sentence(found), rows=rows, first_difference=found)
    except InterlockError as error:
        return Parity(passed=False, reason=f"The recorded rows do not get through: {error.what}")
    except Exception as error:  # noqa: BLE001 - the boundary to user code: the slice raised
        return Parity(
            passed=False, reason=f"The slice failed on the recorded rows: {type(error).__name__}: {error}"
        )


@dataclass(frozen=True)
class _Check:
    predict: Callable[[Any], Any]
    schema: Schema
    answers: AnswerSchema
    tolerance: float

    def run(self, given: Any, answer: Any) -> Parity:
        chosen = _spread(row_count(given), MOST_ROWS)
        sent = encode_rows(self.schema, take_rows(given, chosen))
        expected = encode_answer(self.answers, take_rows(answer, chosen))
        numbers = list(range(len(chosen)))
        singles = _spread(len(chosen), SINGLE_ROWS)
        times = [self._compare("one row alone", [row], sent, expected, chosen) for row in singles]
        for size in (*_BATCHES, len(chosen)):
            for batch in _cut(numbers[: max(size * 4, 1)], size):
                self._compare(f"a batch of {len(batch)}", batch, sent, expected, chosen)
        shuffled = random.Random(_SEED).sample(numbers, len(numbers))  # noqa: S311 - an order, no secret
        for batch in _cut(shuffled, _BATCHES[-1]):
            self._compare("shuffled rows", batch, sent, expected, chosen)
        times.sort()
        reason = f"{len(chosen)} recorded rows give the recorded answers, alone, in batches and shuffled."
        p50, p99 = (times[min(len(times) - 1, int(len(times) * share))] * 1000 for share in (0.5, 0.99))
        return Parity(
            passed=True, reason=reason, rows=len(chosen), singles=len(singles), p50_ms=p50, p99_ms=p99
        )

    def _compare(
        self,
        mode: str,
        batch: Sequence[int],
        sent: Sequence[Any],
        expected: Sequence[Any],
        chosen: Sequence[int],
    ) -> float:
        body = json.dumps([sent[row] for row in batch]).encode()
        started = time.perf_counter()
        value = decode_rows(self.schema, json.loads(body))
        reply = json.dumps(encode_answer(self.answers, self.predict(value))).encode()
        seconds = time.perf_counter() - started
        got = json.loads(reply)
        if len(got) != len(batch):
            raise _Differs(
                Difference(mode, chosen[batch[0]], None, f"{len(batch)} answers", f"{len(got)} answers")
            )
        for row, one in zip(batch, got, strict=True):
            for column in _differing(expected[row], one, self.tolerance):
                raise _Differs(
                    Difference(mode, chosen[row], column, _part(expected[row], column), _part(one, column))
                )
        return seconds


def _spread(count: int, most: int) -> list[int]:
    """Return at most so many row numbers, evenly spaced, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def _cut(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _differing(expected: Any, got: Any, tolerance: float) -> Iterator[str | None]:
    """Yield the parts in which two answers to a row differ; None stands for the whole of it."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in {**expected, **got}:
            if not _same(expected.get(name), got.get(name), tolerance):
                yield name
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, pair in enumerate(zip(expected, got, strict=True)):
            if not _same(*pair, tolerance):
                yield str(place)
    elif not _same(expected, got, tolerance):
        yield None


def _same(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and isinstance(got, int | float) and not isinstance(got, bool):
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    return bool(expected == got) and isinstance(expected, bool) == isinstance(got, bool)


def _part(answer: Any, column: str | None) -> Any:
    if isinstance(answer, dict):
        return answer.get(column)
    return answer[int(column)] if isinstance(answer, list) and column is not None else answer


def _sentence(found: Difference) -> str:
    column = f", column {found.column!r}" if found.column is not None else ""
    return f"Row {found.row}{column} sent as {found.mode} is answered {found.got!r}; the recorded answer is {found.expected!r}."
