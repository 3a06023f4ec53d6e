"""What a format is, and what it is given to work with."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from interlock.errors import InterlockError
from interlock.identity.artifact import Artifact
from interlock.stack.sockets import Write

PICKLE_HINT = "Or allow pickle for the step that returns it: @step(pickle=True)."
BLOBS = "blobs"
"""The key of an artifact's meta under which a format lists further blobs that the value needs."""


class Unstorable(InterlockError):
    """No format keeps a value, or the one that should cannot keep all of it.

    Attributes:
        pickle_helps: Whether the value could be kept if the step allowed pickle.
    """

    def __init__(self, what: str, *, hint: str = "", pickle_helps: bool = True) -> None:
        offer = PICKLE_HINT if pickle_helps else ""
        super().__init__(what, hint=" ".join(part for part in (hint, offer) if part))
        self.pickle_helps = pickle_helps


class UnreadableArtifact(InterlockError):
    """Stored bytes are whole, and cannot be turned into a value here."""


@dataclass(frozen=True)
class Stored:
    """What a format made of a value: an artifact that lacks its digest and the type's name."""

    size: int
    blob: str | None = None
    inline: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


class Vault(Protocol):
    """The store, as a format sees it."""

    def put_bytes(self, data: bytes | memoryview, **meta: Any) -> Stored:
        """Store bytes."""

    def put_stream(self, write: Write, **meta: Any) -> Stored:
        """Store what `write` writes into the file that it is given."""

    def put_file(self, path: Path) -> str:
        """Store the bytes of a file and return their digest."""

    def put_text(self, text: str, **meta: Any) -> Stored:
        """Store text: in the artifact itself when it is short."""

    def path(self, artifact: Artifact) -> Path:
        """Return a read-only file with the verified bytes of an artifact."""

    def bytes(self, artifact: Artifact) -> bytes:
        """Return the verified bytes of an artifact."""

    def text(self, artifact: Artifact) -> str:
        """Return the text that `put_text` stored."""

    def arrange(self, files: Mapping[str, str], folders: Iterable[str] = ()) -> Path:
        """Return a folder of read-only files: relative path -> digest of the blob, each verified."""

    def save(self, value: Any) -> Artifact:
        """Store a value inside the value as an artifact of its own."""

    def load(self, artifact: Artifact) -> Any:
        """Return the value of an artifact that `save` made."""


class Format(Protocol):
    """Turns values of some types into bytes and back.

    An implementer promises that `load` returns a value equal to the one saved and of the same type, that it
    may be changed without changing what is stored, and that loading runs no code out of the bytes. It may
    assume that bytes are verified before it sees them. `name` is written into every artifact: it stays.
    """

    name: str

    def handles(self, value: Any) -> bool:
        """Tell whether this format is the one for the value. Imports nothing."""

    def save(self, value: Any, vault: Vault) -> Stored:
        """Store the value.

        Raises:
            Unstorable: Something inside cannot be kept; the error names it.
        """

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Return the value.

        Raises:
            UnreadableArtifact: It was written by other versions, or the meta is not this format's.
        """


def loaded(module: str) -> ModuleType | None:
    """Return a library if it is imported: before that, no value can be one of its."""
    return sys.modules.get(module)


def type_name(value: Any) -> str:
    """Return the qualified name of a value's type, without `builtins`."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
