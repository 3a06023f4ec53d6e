"""The codec: JSON rows and tensors to the value type of `given`, and answers back to JSON.

What is decoded has exactly the dtypes of the recorded value, so that the slice computes the same bits in
production as it did in training.
"""

from __future__ import annotations

from interlock.models.codec.answers import BadAnswer, answer_schema, encode_answer
from interlock.models.codec.batches import concat_rows, row_count, take_rows
from interlock.models.codec.faults import Fault, InvalidRequest
from interlock.models.codec.openapi import openapi_schema
from interlock.models.codec.outgoing import NotEncodable, OtherShape
from interlock.models.codec.rows import decode_rows, encode_rows, infer_schema
from interlock.models.codec.schema import AnswerSchema, Column, Schema, Unservable
from interlock.models.codec.tensors import decode_tensors, encode_tensors, metadata_tensors, tensors_of

__all__ = [
    "AnswerSchema",
    "BadAnswer",
    "Column",
    "Fault",
    "InvalidRequest",
    "NotEncodable",
    "OtherShape",
    "Schema",
    "Unservable",
    "answer_schema",
    "concat_rows",
    "decode_rows",
    "decode_tensors",
    "encode_answer",
    "encode_rows",
    "encode_tensors",
    "infer_schema",
    "metadata_tensors",
    "openapi_schema",
    "row_count",
    "take_rows",
    "tensors_of",
]
