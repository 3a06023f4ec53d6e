"""Digest what code holds: constants, default values and what is in closures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from blake3 import blake3

from interlock.identity.digest import PREFIX
from interlock.identity.scalars import Encoding
from interlock.identity.walk import Naming, Stuck, Walk, encode_pairs, join

_FIXED = (str, int, float, bool, complex, bytes, type(None), re.Pattern)


class ConstantWalk(Walk):
    """A walk that gets through everything and finds the same in every folder.

    What has no content that could be read, such as a lock, counts by its class and its attributes.
    Texts that name a place in the project count without where the project lies.

    Args:
        naming: Names the code inside the value.
        roots: How the folder of the project is written in texts.
    """

    def __init__(self, naming: Naming, roots: tuple[str, ...]) -> None:
        super().__init__(naming)
        self._roots = roots

    def encode(self, value: Any) -> Encoding:
        """Write a value inside the value."""
        return super().encode(placeless(value, self._roots) if type(value) is str else value)

    def _encode_new(self, value: Any) -> Encoding:
        before = dict(self._open)
        try:
            return super()._encode_new(value)
        except Stuck:
            self._open = before
            state = getattr(value, "__dict__", None)
            items = encode_pairs(state.items(), self) if type(state) is dict else []
            return b"?" + self.encode(type(value)) + join(b"d", sorted(items))


def digest_constant(value: Any, naming: Naming, roots: tuple[str, ...]) -> str:
    """Return the digest of any value; the code inside it is named by `naming`."""
    return PREFIX + blake3(ConstantWalk(naming, roots).encode_top(value)).hexdigest()


def roots_of(root: Path | None) -> tuple[str, ...]:
    """Return how the folder of the project is written in texts."""
    found = dict.fromkeys((str(root), str(root.resolve()))) if root is not None else {}
    return tuple(one for one in found if one != Path(one).anchor)


def placeless(text: str, roots: tuple[str, ...]) -> str:
    """Return a text without where the project lies."""
    for root in roots:
        if root in text:
            text = text.replace(root, "<project>")
    return text


def is_fixed(value: Any) -> bool:
    """Say whether a value is plain and can never change."""
    return isinstance(value, _FIXED) or (type(value) is tuple and all(map(is_fixed, value)))
