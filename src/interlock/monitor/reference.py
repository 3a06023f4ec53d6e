"""What a model version was judged on, as tables that served rows can be compared with.

Read from the bundle's manifest alone: nothing of the project's code is imported to find drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interlock.engine.context import RunContext
from interlock.identity.artifact import Artifact
from interlock.models.bundle import KIND
from interlock.models.codec import Schema, encode_answer, encode_rows, row_count, take_rows
from interlock.models.predictions import ANSWER, columns_of

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 20_000
"""Rows of the reference that are compared with; more would tell no more, only later."""


@dataclass(frozen=True)
class Reference:
    """The recorded rows and answers of a version."""

    given: pa.Table
    answer: pa.Table


def load_reference(context: RunContext, bundle: str) -> Reference:
    """Return the reference of a bundle, evenly thinned where it is large.

    Raises:
        CorruptBlob, MissingBlob: Something of it is damaged or gone.
    """
    import pyarrow as pa  # heavy, and this module is imported by all that may monitor

    body = context.store.get_manifest(KIND, bundle)
    request, reply = Schema.from_json(body["request"]), Schema.from_json(body["answer"])
    given, answer = (_recorded(context, body["reference"][name]) for name in ("given", "answer"))
    answers = columns_of(reply, encode_answer(reply, answer))
    if reply.container == "column" and len(answers) == 1:  # the log calls this one by its own name
        answers = {ANSWER: next(iter(answers.values()))}
    return Reference(pa.table(columns_of(request, encode_rows(request, given))), pa.table(answers))


def _recorded(context: RunContext, body: Mapping[str, Any]) -> Any:
    value = context.artifacts.load(Artifact.from_json(body))
    rows = row_count(value)
    step = -(-rows // MAX_ROWS)
    return take_rows(value, list(range(0, rows, step))) if step > 1 else value
