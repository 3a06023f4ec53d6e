"""What a format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from interlock.errors import InterlockError
from interlock.identity.artifact import Artifact


class Unstorable(InterlockError):
    """A value cannot be kept in any format."""


class UnreadableArtifact(InterlockError):
    """Stored bytes are whole but cannot be turned into a value here."""


@dataclass(frozen=True)
class Written:
    """What a format made of a value: bytes or a file for the store, and what it wants to remember."""

    data: bytes | memoryview | None = None
    file: Path | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class Format(Protocol):
    """Turns values of some types into bytes and back.

    An implementer promises that `read` gives back a value equal to the one written, of the same type, and that
    reading runs no code from the bytes. It may assume that bytes were verified against their digest.
    """

    name: str

    def handles(self, value: Any) -> bool:
        """Tell whether this format keeps the value; imports nothing that the value has not imported."""

    def write(self, value: Any, nested: Callable[[Any], Artifact]) -> Written:
        """Turn the value into bytes; `nested` stores a value inside it as an artifact of its own."""

    def read(self, path: Path, artifact: Artifact, nested: Callable[[Artifact], Any]) -> Any:
        """Turn the verified bytes in a file into the value again."""


def library_of(value: Any) -> str:
    """Return the top-level package that a value's type comes from."""
    return type(value).__module__.partition(".")[0]


def type_of(value: Any) -> str:
    """Return the qualified name of a value's type."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
