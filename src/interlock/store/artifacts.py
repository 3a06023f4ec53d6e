"""Values in the store: saved in the format that fits them, loaded after their digest was verified."""

from __future__ import annotations

from typing import Any

from interlock.errors import InterlockError
from interlock.identity.artifact import Artifact
from interlock.identity.digest import Undigestible, digest_value
from interlock.stack.sockets import BlobStore
from interlock.store.formats.base import UnreadableArtifact, Unstorable, Written, type_of
from interlock.store.formats.pickled import PickleFormat
from interlock.store.formats.plain import JsonFormat, NotPlain, from_text, to_text
from interlock.store.formats.registry import Formats

INLINE_LIMIT = 4096
"""Bytes of JSON up to which a value stays in its record."""

_SMALL = (bool, int, float, str, type(None))


class PickleRefused(InterlockError):
    """A pickled artifact was to be loaded where that is not allowed."""


class ArtifactStore:
    """Turns values into artifacts and back.

    Args:
        blobs: Where the bytes are.
        formats: How values become bytes.
    """

    def __init__(self, blobs: BlobStore, formats: Formats | None = None) -> None:
        self._blobs = blobs
        self._formats = formats or Formats()

    def save(self, value: Any, *, allow_pickle: bool = False) -> Artifact:
        """Store a value and return its artifact.

        Raises:
            Unstorable: No safe format holds it, and pickle is not allowed.
            WriteFailed: The bytes cannot be written.
        """
        if type(value) in _SMALL or type(value) in (list, tuple, dict, set):
            small = self._inline(value)
            if small is not None:
                return small
        one = self._formats.find(value, allow_pickle=allow_pickle)
        written = one.write(value, lambda inner: self.save(inner, allow_pickle=allow_pickle))
        blob, size = self._put(written)
        return Artifact(_digest(value, blob), one.name, type_of(value), size, blob, None, dict(written.meta))

    def load(self, artifact: Artifact, *, allow_pickle: bool = False) -> Any:
        """Return the value of an artifact; its bytes are verified first.

        Args:
            artifact: What is loaded.
            allow_pickle: Whether a pickle that this store recorded may run its code here.

        Raises:
            PickleRefused: It is a pickle, and that is not allowed here.
            CorruptBlob: The stored bytes are damaged.
            MissingBlob: They are gone.
            UnreadableArtifact: They cannot be read here.
        """
        if artifact.inline is not None:
            return from_text(artifact.inline)
        if artifact.format == PickleFormat.name and not allow_pickle:
            raise PickleRefused(
                f"The {artifact.type} is kept as a pickle, which is only read inside runs.",
                hint="Return something that a safe format holds.",
            )
        if artifact.blob is None:
            raise UnreadableArtifact(f"The record of the {artifact.type} names no bytes.")
        one = self._formats.named(artifact.format)
        path = self._blobs.get_file(artifact.blob)
        try:
            return one.read(path, artifact, lambda inner: self.load(inner, allow_pickle=allow_pickle))
        except InterlockError:
            raise
        except Exception as error:
            raise UnreadableArtifact(
                f"The stored {artifact.type} cannot be read here: {type(error).__name__}: {error}.",
                hint="Another version of the library may have written it.",
            ) from error

    def _inline(self, value: Any) -> Artifact | None:
        try:
            text = to_text(value)
        except (NotPlain, ValueError):
            return None
        if len(text) > INLINE_LIMIT:
            return None
        return Artifact(digest_value(value), JsonFormat.name, type_of(value), len(text), None, text, {})

    def _put(self, written: Written) -> tuple[str, int]:
        if written.file is not None:
            return self._blobs.put_file(written.file), written.file.stat().st_size
        if written.data is None:
            raise Unstorable("A format wrote nothing.")
        return self._blobs.put_bytes(written.data), len(written.data)


def _digest(value: Any, blob: str) -> str:
    """Return the value digest; a value that has none is identified by its bytes."""
    try:
        return digest_value(value)
    except Undigestible:
        return blob
