"""The JSON Schema of a request accepts what the codec accepts."""

from __future__ import annotations

import jsonschema
import numpy as np
import pandas as pd
import pytest

from interlock.models.codec import encode_rows, infer_schema, openapi_schema

FRAME = pd.DataFrame(
    {
        "hour": pd.Series([1, 2], dtype="int8"),
        "wind": [0.1, None],
        "rain": [True, False],
        "carrier": ["UA", None],
        "origin": pd.Categorical(["EWR", None]),
        "seen": pd.to_datetime(["2013-01-01", None]).tz_localize("UTC"),
        "taken": pd.to_timedelta([1, 2], unit="s").astype("m8[s]"),
        "tags": pd.Series([["a"], {}], dtype=object),
    }
)
VALUES = {
    "a frame": FRAME,
    "a series": FRAME["wind"],
    "a matrix": np.zeros((2, 2)),
    "a list": ["a", "b"],
    "many categories": pd.Series([f"c{number}" for number in range(300)], dtype="category"),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_encoded_rows_fit(value):
    schema = infer_schema(value)
    rules = openapi_schema(schema)
    jsonschema.Draft202012Validator.check_schema(rules)
    jsonschema.validate(encode_rows(schema, value), rules)


REFUSED = [
    {"hour": 128},
    {"hour": 1.5},
    {"hour": None},
    {"wind": "x"},
    {"rain": 1},
    {"origin": "JFK"},
    {"x": 1},
]


@pytest.mark.parametrize("change", REFUSED, ids=str)
def test_rows_that_do_not_fit_are_refused(change):
    schema = infer_schema(FRAME)
    row = {**encode_rows(schema, FRAME)[0], **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([row], openapi_schema(schema))


def test_the_rows_of_a_frame_are_described():
    frame = FRAME[["hour", "origin", "seen"]]
    assert openapi_schema(infer_schema(frame)) == {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": {
                "hour": {"type": "integer", "minimum": -128, "maximum": 127},
                "origin": {"enum": ["EWR", None]},
                "seen": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "description": "Becomes a time in UTC.",
                },
            },
            "required": ["hour", "origin", "seen"],
            "additionalProperties": False,
        },
    }
