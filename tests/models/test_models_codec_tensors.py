"""Tensors of the Open Inference Protocol, in and out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from interlock.models.codec import (
    InvalidRequest,
    answer_schema,
    decode_tensors,
    encode_answer,
    encode_tensors,
    infer_schema,
    metadata_tensors,
    tensors_of,
)

FRAME = pd.DataFrame(
    {
        "hour": pd.Series([1, 2], dtype="int32"),
        "wind": [0.1, None],
        "gust": pd.Series([0.1, 3e38], dtype="float32"),
        "rain": [True, False],
        "carrier": ["UA", "B6"],
        "origin": pd.Categorical(["EWR", "JFK"]),
        "rank": pd.Categorical([1, 2]),
        "at": np.array(["2013-01-01", "2013-01-02"], dtype="M8[us]"),
        "taken": pd.to_timedelta([1, 2], unit="s").astype("m8[s]"),
        "tags": pd.Series([["a"], {"b": None}], dtype=object),
    }
)
SCHEMA = infer_schema(FRAME)


def tensor(name, datatype, data, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def test_a_frame_goes_through_tensors_without_losing_a_bit():
    inputs = json.loads(json.dumps(encode_tensors(SCHEMA, FRAME), allow_nan=False))
    pd.testing.assert_frame_equal(decode_tensors(SCHEMA, inputs), FRAME, check_exact=True)


def test_the_metadata_names_a_tensor_for_each_column():
    found = metadata_tensors(SCHEMA)
    assert {tensor["name"]: tensor["datatype"] for tensor in found} == {
        "hour": "INT32",
        "wind": "FP64",
        "gust": "FP32",
        "rain": "BOOL",
        "carrier": "BYTES",
        "origin": "BYTES",
        "rank": "INT64",
        "at": "BYTES",
        "taken": "INT64",
        "tags": "BYTES",
    }
    assert all(tensor["shape"] == [-1] for tensor in found)


def test_a_matrix_is_one_tensor():
    matrix = np.arange(6, dtype=np.uint8).reshape(2, 3)
    schema = infer_schema(matrix)
    assert metadata_tensors(schema) == [{"name": "given", "datatype": "UINT8", "shape": [-1, 3]}]
    assert encode_tensors(schema, matrix) == [tensor("given", "UINT8", [0, 1, 2, 3, 4, 5], [2, 3])]
    np.testing.assert_array_equal(decode_tensors(schema, encode_tensors(schema, matrix)), matrix, strict=True)


def test_a_single_tensor_may_be_nested_and_called_input_0():
    schema = infer_schema(np.zeros((2, 2)))
    found = decode_tensors(schema, [tensor("input-0", "FP32", [[1, 2], [3, 4]], [2, 2])])
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_column_may_be_a_matrix_of_one_column():
    schema = infer_schema(pd.DataFrame({"x": [1], "y": [1]}))
    nested = tensor("x", "INT64", [[1], [2]], [2, 1])
    flat = tensor("y", "INT64", [3, 4], [2, 1])
    assert decode_tensors(schema, [flat, nested]).to_dict("list") == {"x": [1, 2], "y": [3, 4]}


def test_answers_are_tensors_too():
    table = pa.table({"late": [True], "score": [0.5]})
    schema = answer_schema(table)
    expected = [tensor("late", "BOOL", [True]), tensor("score", "FP64", [0.5])]
    assert encode_tensors(schema, table, is_answer=True) == expected
    assert tensors_of(schema, encode_answer(schema, table)) == expected
    scores = np.array([[0.25, 0.75]])
    expected = [tensor("answer", "FP64", [0.25, 0.75], [1, 2])]
    assert encode_tensors(answer_schema(scores), scores, is_answer=True) == expected


DATATYPES = "BOOL, BYTES, FP16, FP32, FP64, INT16, INT32, INT64, INT8, UINT16, UINT32, UINT64, UINT8"
TWO = infer_schema(pd.DataFrame({"x": [1], "y": ["a"]}))
X, Y = tensor("x", "INT64", [1, 2]), tensor("y", "BYTES", ["a", "b"])
REFUSED = {
    "no list": ({"x": [1]}, ["'inputs' is an object, not an array of tensors"]),
    "no objects": (
        [X, Y, 5, {}],
        ["input 2 is not an object with a 'name'", "input 3 is not an object with a 'name'"],
    ),
    "missing": ([Y], ["column 'x': the input is missing"]),
    "unknown": ([X, Y, tensor("z", "BOOL", [True])], ["there is no input 'z' in this model (known: x, y)"]),
    "twice": ([X, Y, X], ["column 'x': the input is given twice"]),
    "datatype": ([X, {**Y, "datatype": "FP32"}], ["column 'y': its datatype is FP32, this input is BYTES"]),
    "lower case": (
        [{**X, "datatype": "int64"}, Y],
        [f"column 'x': its 'datatype' is \"int64\", which is none of {DATATYPES}"],
    ),
    "an array for a datatype": (
        [{**X, "datatype": ["INT64"]}, Y],
        [f"column 'x': its 'datatype' is [\"INT64\"], which is none of {DATATYPES}"],
    ),
    "outside of what is declared": (
        [{**X, "datatype": "UINT8", "data": [1, -1]}, Y],
        ["row 1, column 'x': -1 is outside of the range of uint8 (0 to 255)"],
    ),
    "other than what is declared": (
        [{**X, "datatype": "INT32", "data": [1, 1.5]}, Y],
        ["row 1, column 'x': 1.5 is not an integer"],
    ),
    "a shape without end": (
        [{**X, "shape": [1] * 1000}, Y],
        ["column 'x': its shape is [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,…, not [n] or [n, 1]"],
    ),
    "no shape": ([{**X, "shape": None}, Y], ["column 'x': its 'shape' is null, not an array of sizes"]),
    "negative": ([{**X, "shape": [-1]}, Y], ["column 'x': its 'shape' is [-1], not an array of sizes"]),
    "rank": ([{**X, "shape": [1, 2]}, Y], ["column 'x': its shape is [1, 2], not [n] or [n, 1]"]),
    "length": (
        [{**X, "shape": [3]}, Y],
        ["column 'x': its shape [3] asks for 3 values, its data has 2 values"],
    ),
    "nesting": (
        [{**X, "shape": [2, 1], "data": [[1, 2]]}, Y],
        ["column 'x': its shape [2, 1] asks for 2 values, its data is nested otherwise"],
    ),
    "rows": ([X, tensor("y", "BYTES", ["a"])], ["column 'y': it has 1 rows, the input 'x' has 2"]),
    "no data": (
        [{"name": "x", "shape": [2], "datatype": "INT64"}, Y],
        ["column 'x': it has no 'data' array; tensors as raw bytes after the JSON are not known here"],
    ),
    "parameters": (
        [{**X, "parameters": 3}, Y],
        ["column 'x': its 'parameters' are an integer, not an object"],
    ),
    "member": (
        [{**X, "dtype": "i8"}, Y],
        ["column 'x': a tensor has no member 'dtype' (did you mean 'datatype'?)"],
    ),
    "empty": (
        [tensor("x", "INT64", []), tensor("y", "BYTES", [])],
        ["the batch is empty: send at least one row"],
    ),
    "value": ([tensor("x", "INT64", [1, "b"]), Y], ["row 1, column 'x': \"b\" is a string, not an integer"]),
}


@pytest.mark.parametrize(("inputs", "problems"), REFUSED.values(), ids=REFUSED.keys())
def test_tensors_that_do_not_fit_are_named(inputs, problems):
    with pytest.raises(InvalidRequest) as caught:
        decode_tensors(TWO, inputs)
    assert [str(fault) for fault in caught.value.faults] == problems


def test_a_place_in_a_matrix_is_named():
    with pytest.raises(InvalidRequest) as caught:
        decode_tensors(infer_schema(np.zeros((1, 2))), [tensor("given", "FP64", [1, 2, 3, "x"], [2, 2])])
    assert str(caught.value.faults[0]) == "row 1, column '1': \"x\" is a string, not a number"


def test_json_in_bytes_has_to_be_json():
    schema = infer_schema([{"x": [1]}, {"y": 2}])
    assert decode_tensors(schema, [tensor("given", "BYTES", ['{"x": [1]}'])]) == [{"x": [1]}]
    with pytest.raises(InvalidRequest, match=r"row 0, column 'given': \"{x\" is not JSON in a string"):
        decode_tensors(schema, [tensor("given", "BYTES", ["{x"])])
