"""On which line of a TOML text does a key stand?

The standard parser keeps no positions. A fault in a configuration is found fastest by its line, so this
scanner walks a text *that the standard parser has accepted* and notes where each key begins. Being sure
that the text is valid is what keeps it small: it never has to judge, only to step over things.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""A dotted key with the indices of arrays in it: ``("model", "delays", "gates", 0)``."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]\}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may stand before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


class Lines:
    """The lines of the keys of a text that the standard parser has accepted."""

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n")
        self._places = _Scanner(text).places()
        self._ends = [at for at, mark in enumerate(text) if mark == "\n"]

    def of(self, path: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest table around it that the text spells out."""
        for length in range(len(path), 0, -1):
            if (place := self._places.get(path[:length])) is not None:
                return bisect_left(self._ends, place) + 1
        return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._places: dict[KeyPath, int] = {}
        self._table_arrays: dict[KeyPath, int] = {}

    def places(self) -> dict[KeyPath, int]:
        """Return the offset of every key of the text."""
        table: KeyPath = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE)
        return self._places

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not the TOML that was expected at offset {self._at}")
        self._at = match.end()
        return match.group()

    def _next(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _take(self, mark: str) -> bool:
        found = self._next(mark)
        if found:
            self._at += len(mark)
        return found

    def _note(self, path: KeyPath, place: int) -> None:
        for length in range(1, len(path) + 1):
            self._places.setdefault(path[:length], place)

    def _header(self) -> KeyPath:
        place = self._at
        brackets = "]]" if self._next("[[") else "]"
        self._at += len(brackets)
        names = self._key()
        self._take(brackets)
        path: KeyPath = ()
        for depth, name in enumerate(names):
            path = (*path, name)
            if brackets == "]]" and depth == len(names) - 1:
                self._table_arrays[path] = self._table_arrays.get(path, -1) + 1
            if path in self._table_arrays:
                path = (*path, self._table_arrays[path])
        self._note(path, place)
        return path

    def _key(self) -> KeyPath:
        names: list[str | int] = []
        while True:
            self._skip(_SPACE)
            if self._next('"') or self._next("'"):
                names.append(tomllib.loads(f"key = {self._skip(_STRING)}")["key"])
            else:
                names.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._take("."):
                return tuple(names)

    def _pair(self, table: KeyPath) -> None:
        place = self._at
        path = (*table, *self._key())
        self._note(path, place)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        elif self._next('"') or self._next("'"):
            self._skip(_STRING)
        else:
            self._skip(_BARE_VALUE)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self._skip(_SPACE)
        while not self._take("]"):
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1
            self._skip(_SPACE)
            self._take(",")
            self._skip(_SPACE)

    def _inline_table(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        while not self._take("}"):
            self._pair(path)
            self._skip(_SPACE)
            self._take(",")
            self._skip(_SPACE)
