"""From the params that a run recorded back to their values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.engine.recordable import recordable
from interlock.errors import InterlockError, shown
from interlock.graph.params import checked
from interlock.graph.pipeline import Pipeline


class ParamLost(InterlockError):
    """A param was recorded in a way that does not lead back to its value."""


def recorded_params(pipeline: Pipeline, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params that were recorded: the defaults where they are these, else read as from a shell.

    Raises:
        ParamLost: A value cannot be told from what was recorded.
    """
    given = {name: value for name, value in recorded.items() if not _is_default(pipeline, name, value)}
    found = pipeline.bind({name: _given(pipeline, name, value) for name, value in given.items()})
    again = recordable(found)
    for name, value in recorded.items():
        if again.get(name) != value:
            raise ParamLost(
                f"The param {name!r} was recorded as {shown(value)}, which does not tell its value."
            )
    return found


def _is_default(pipeline: Pipeline, name: str, value: Any) -> bool:
    parameter = pipeline.parameters.get(name)
    return parameter is not None and recordable({name: parameter.default})[name] == value


def _given(pipeline: Pipeline, name: str, value: Any) -> Any:
    parameter = pipeline.parameters.get(name)
    if parameter is None or isinstance(value, str):
        return value
    try:
        return checked(value, parameter.annotation)
    except ValueError:
        return json.dumps(value)
