"""Params: what a pipeline function is called with, from Python or as text from a shell."""

from __future__ import annotations

import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from interlock.errors import did_you_mean, shown
from interlock.graph.annotations import NOTHING, items_of, type_name, value_fits
from interlock.graph.model import GraphError


class ParamError(GraphError):
    """A param is unknown, missing or of the wrong type."""


def bind_params(
    pipeline: str, parameters: Mapping[str, inspect.Parameter], raw: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a value for each parameter; text is parsed by the annotation.

    Raises:
        ParamError: All that is wrong with the params, in one message.
    """
    faults = [_unknown(pipeline, name, parameters) for name in raw if name not in parameters]
    bound: dict[str, Any] = {}
    for name, parameter in parameters.items():
        try:
            bound[name] = _value_of(pipeline, parameter, raw)
        except ParamError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ParamError("\n".join(str(fault) for fault in faults))
    return bound


def _unknown(pipeline: str, name: str, parameters: Mapping[str, Any]) -> ParamError:
    hint = did_you_mean(name, parameters) or f"{pipeline!r} takes no params."
    return ParamError(f"Pipeline {pipeline!r} has no param {name!r}.", hint=hint)


def _value_of(pipeline: str, parameter: inspect.Parameter, raw: Mapping[str, Any]) -> Any:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ParamError(
            f"Pipeline {pipeline!r} takes {str(parameter).partition(':')[0]}; a pipeline names each of its params."
        )
    if parameter.name in raw:
        return _converted(pipeline, parameter, raw[parameter.name])
    if parameter.default is inspect.Parameter.empty:
        wanted = "" if parameter.annotation is NOTHING else f" ({type_name(parameter.annotation)})"
        raise ParamError(
            f"Pipeline {pipeline!r} needs a value for the param {parameter.name!r}{wanted}.",
            hint=f"Give it with: -p {parameter.name}=VALUE",
        )
    return parameter.default


def _converted(pipeline: str, parameter: inspect.Parameter, value: Any) -> Any:
    annotation = parameter.annotation
    if annotation is NOTHING and parameter.default is not inspect.Parameter.empty:
        annotation = Any if parameter.default is None else type(parameter.default)
    try:
        return parse(value, annotation) if isinstance(value, str) else checked(value, annotation)
    except (ValueError, TypeError, RecursionError):
        raise ParamError(
            f"Param {parameter.name!r} of pipeline {pipeline!r} takes {_takes(annotation)}, not {shown(value)}."
        ) from None


def _takes(annotation: Any) -> str:
    """Return the type's name, and for an enum what it may be."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"{annotation.__name__} ({', '.join(annotation.__members__)})"
    return type_name(annotation)


def checked(value: Any, annotation: Any) -> Any:
    """Return the value if it is of the annotated type.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) and annotation in (int, float):
        raise ValueError(value)
    if not value_fits(value, annotation):
        raise ValueError(value)
    return float(value) if annotation is float else value


def parse(text: str, annotation: Any) -> Any:
    """Read the text of a value as the annotated type.

    Text for an unannotated param is read as JSON where it is JSON, else kept.

    Raises:
        ValueError: It is no such value.
    """
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return parse(text, get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _first_that_parses(text, get_args(annotation))
    if origin is typing.Literal:
        return _literal(text, get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation[text] if text in annotation.__members__ else annotation(text)
    if annotation in _READERS:
        return _READERS[annotation](text)
    if (origin or annotation) in (list, tuple, dict, set):
        return _collection(text, annotation, origin or annotation)
    return _json_or_text(text) if annotation in (Any, object, NOTHING) else _constructed(text, annotation)


def _first_that_parses(text: str, annotations: tuple[Any, ...]) -> Any:
    ordered = sorted(annotations, key=lambda one: one is str)  # text can always be text: try it last
    for annotation in ordered:
        try:
            return parse(text, annotation)
        except (ValueError, TypeError):
            continue
    raise ValueError(text)


def _literal(text: str, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if str(choice) == text:
            return choice
    raise ValueError(text)


def _collection(text: str, annotation: Any, origin: type) -> Any:
    loaded = json.loads(text)
    if not isinstance(loaded, dict if origin is dict else list):
        raise ValueError(text)  # noqa: TRY004 - the text is wrong, not the type of an argument
    return _of_json(origin(loaded) if origin is not set else loaded, annotation, origin)


def _of_json(loaded: Any, annotation: Any, origin: type) -> Any:
    """Return what JSON gave as the annotated type: lists where tuples or sets are wanted, ints where floats are."""
    kinds = [kind for _, kind in items_of(loaded, annotation)]
    if origin is dict:
        half = len(loaded)
        keys = [_item(one, kind) for one, kind in zip(loaded, kinds[:half], strict=True)]
        values = [_item(one, kind) for one, kind in zip(loaded.values(), kinds[half:], strict=True)]
        return dict(zip(keys, values, strict=True))
    return origin(_item(one, kind) for one, kind in zip(loaded, kinds, strict=True))


def _item(value: Any, annotation: Any) -> Any:
    origin = get_origin(annotation) or annotation
    if origin in (list, tuple, set, dict):
        if not isinstance(value, dict if origin is dict else list):
            raise ValueError(value)
        return _of_json(value, annotation, origin)
    return checked(value, annotation)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _constructed(text: str, annotation: Any) -> Any:
    if not isinstance(annotation, type):
        raise ValueError(text)  # noqa: TRY004 - as above
    return annotation(text)


def _bool(text: str) -> bool:
    words = {
        "true": True,
        "yes": True,
        "1": True,
        "on": True,
        "false": False,
        "no": False,
        "0": False,
        "off": False,
    }
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():  # 1e999 is larger than any float
        raise ValueError(text)
    return number


def _none(text: str) -> None:
    if text.lower() not in ("none", "null"):
        raise ValueError(text)


_READERS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: _float,
    bool: _bool,
    type(None): _none,
}
