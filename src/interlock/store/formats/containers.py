"""Lists, tuples and dicts that hold values with formats of their own: each such value is an artifact inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.store.formats.base import Written
from interlock.store.formats.plain import NotPlain, decode, encode

_ARTIFACT, _LIST, _TUPLE, _DICT, _PLAIN = "artifact", "list", "tuple", "dict", "plain"


class ContainerFormat:
    """A tree whose leaves are plain values or artifacts."""

    name = "container"

    def handles(self, value: Any) -> bool:
        return type(value) in (list, tuple, dict)

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        return Written(json.dumps(_tree(value, nested), ensure_ascii=False).encode())

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        return _value(json.loads(path.read_bytes()), nested)


def _tree(value: Any, nested: Callable[[Any], Artifact]) -> Any:
    try:
        return [_PLAIN, encode(value)]
    except NotPlain:
        pass
    if type(value) is list:
        return [_LIST, [_tree(item, nested) for item in value]]
    if type(value) is tuple:
        return [_TUPLE, [_tree(item, nested) for item in value]]
    if type(value) is dict:
        return [_DICT, [[_tree(key, nested), _tree(item, nested)] for key, item in value.items()]]
    return [_ARTIFACT, nested(value).to_json()]


def _value(tree: Any, nested: Callable[[Artifact], Any]) -> Any:
    kind, body = tree
    if kind == _PLAIN:
        return decode(body)
    if kind == _LIST:
        return [_value(item, nested) for item in body]
    if kind == _TUPLE:
        return tuple(_value(item, nested) for item in body)
    if kind == _DICT:
        return {_value(key, nested): _value(item, nested) for key, item in body}
    return nested(Artifact.from_json(body))
