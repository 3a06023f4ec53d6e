"""The codec: JSON rows and tensors to the value type of `given`, and answers back to JSON.

What is decoded has exactly the dtypes of the recorded value, so that the slice computes the same bits in
production as it did in training.
"""

from __future__ import annotations

from interlock.models.codec.answers import BadAnswer, answer_schema, encode_answer
from interlock.models.codec.batches import concat_rows, row_count, take_rows
from interlock.models.codec.faults import Fault, InvalidRequest
from interlock.models.codec.openapi import openapi_schema
from interlock.models.codec.outgoing import NotEncodable
from interlock.models.codec.rows import decode_rows, encode_rows, infer_schema
from interlock.models.codec.schema import AnswerSchema, Column, Schema, Unservable
from interlock.models.codec.tensors import (
    datatype,
    decode_tensors,
    encode_tensors,
    metadata_tensors,
    tensors_of,
)
from interlock.models.codec.wire import from_bytes, to_bytes

__all__ = [
    "AnswerSchema",
    "BadAnswer",
    "Column",
    "Fault",
    "InvalidRequest",
    "NotEncodable",
    "Schema",
    "Unservable",
    "answer_schema",
    "concat_rows",
    "datatype",
    "decode_rows",
    "decode_tensors",
    "encode_answer",
    "encode_rows",
    "encode_tensors",
    "from_bytes",
    "infer_schema",
    "metadata_tensors",
    "openapi_schema",
    "row_count",
    "take_rows",
    "tensors_of",
    "to_bytes",
]
