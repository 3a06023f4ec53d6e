"""Files that code only writes: what they hold is made by the code, and is no part of what it is made of."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from interlock.identity.statements import texts_in, words_of

_MODE = re.compile(r"[wax][bt]?|[bt][wax]")
"""A mode of `open` that reads nothing."""

_ON_PATHS = re.compile(r"write_text|write_bytes|touch|mkdir|unlink|rmdir")
"""Methods that write the file that they are called on."""

_INTO = re.compile(r"to_\w+|save\w*|write_\w+|imwrite|makedirs|remove|unlink")
"""Methods and functions that write the file that they are given first."""


def may_write(words: Collection[str]) -> bool:
    """Tell whether code with these words and texts may write a file: then a closer look is worth it."""
    return any(one.fullmatch(word) for word in words for one in (_MODE, _ON_PATHS, _INTO))


def apart_from_writing(tree: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words and texts of code without those by which it writes files and reads none."""
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    opens = {id(call.func) for call in calls if _opens_to_write(call)}
    names = {id(text) for call in calls for place in _written_to(call) for text in ast.walk(place)}
    inner = [one for one in ast.walk(tree) if id(one) not in names or not isinstance(one, ast.Constant)]
    texts = {text for one in inner if isinstance(one, ast.Constant) for text in texts_in(one)}
    named = [
        one for one in inner if isinstance(one, (ast.Name, ast.Attribute, ast.alias)) and id(one) not in opens
    ]
    words = {one.attr if isinstance(one, ast.Attribute) else _plain(one) for one in named}
    return frozenset(words | texts), frozenset(texts)


def _plain(node: ast.AST) -> str:
    return next(iter(words_of(node)), "")


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _opens_to_write(call: ast.Call) -> bool:
    if _name_of(call) != "open":
        return False
    modes = [one.value for one in call.keywords if one.arg == "mode"] or call.args[:2]
    return any(
        isinstance(one, ast.Constant)
        and isinstance(one.value, str)
        and _MODE.fullmatch(one.value) is not None
        for one in modes
    )


def _written_to(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the expressions that say which file a call writes."""
    name, is_open = _name_of(call), _opens_to_write(call)
    if isinstance(call.func, ast.Attribute) and (is_open or _ON_PATHS.fullmatch(name)):
        yield call.func.value
    if is_open or _INTO.fullmatch(name):
        yield from call.args[:1]
