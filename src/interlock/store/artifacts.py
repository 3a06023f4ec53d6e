"""Values in the store: saved in the format that fits them, loaded after their bytes were verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_json, digest_value
from interlock.identity.walk import Naming
from interlock.stack.sockets import BlobStore, Write
from interlock.store.arrange import arrange
from interlock.store.formats.containers import ContainerFormat, blobs_of, leaf_in, leaf_of
from interlock.store.formats.format import BLOBS, Format, Stored, UnreadableArtifact, Unstorable, type_name
from interlock.store.formats.plain import JsonFormat, decode, encode, to_text
from interlock.store.formats.raw import PickleFormat
from interlock.store.formats.registry import Formats
from interlock.store.formats.scalars import NotPlain
from interlock.store.sources.lazy import is_handle

INLINE_LIMIT = 4096
"""The longest JSON text that stays in the artifact itself instead of a blob."""

_LARGE = 8 << 20
"""From so many bytes on a table is digested while it is written: before, the thread costs more than it saves."""

_TABULAR = frozenset({"pandas", "polars", "arrow", "arrow-column", "numpy"})
"""Formats of values that nothing in this process changes while they are read by two threads."""

_PLAIN = (type(None), bool, int, float, str, list, tuple, dict, set, frozenset)


class PickleRefused(InterlockError):
    """A pickle was to be loaded where running code out of the store is not allowed."""

    def __init__(self, type: str) -> None:
        super().__init__(
            f"The stored value of type {type!r} is a pickle; loading it would run code out of the store.",
            hint="Let the step return something that a safe format keeps, without @step(pickle=True).",
        )


class ArtifactStore:
    """Turns values into artifacts and back.

    Args:
        blobs: Where the bytes are.
        cache: A folder for loaded files and folders; they can be made again at any time. Left out, it is
            that of the store.
        naming: Names the code of the project for the digests of values: with it, an object is another value
            once a method of its class does something else.
    """

    def __init__(self, blobs: BlobStore, cache: Path | None = None, *, naming: Naming | None = None) -> None:
        self._naming = naming
        self._blobs = blobs
        self._formats = Formats()
        self._cache = cache or blobs.cache

    def save(self, value: Any, *, allow_pickle: bool = False) -> Artifact:
        """Store a value and return its artifact; equal bytes are stored once.

        Raises:
            Unstorable: No safe format keeps it, and pickle is not allowed; or something inside cannot be kept.
            Undigestible: It has no content that could be identified, such as an open file.
            WriteFailed: The disk refuses.
        """
        if is_handle(value):
            raise Unstorable(
                f"A value of type {type_name(value)!r} is a handle: what it reads may be another thing tomorrow.",
                hint="Return the rows, as with collect().",
                pickle_helps=False,
            )
        if type(value) in _PLAIN:
            artifact = _inline(value)
            if artifact is not None:
                return artifact
        try:
            return self._save_as(self._formats.find(value), value, allow_pickle=allow_pickle)
        except Unstorable as error:
            if not (allow_pickle and error.pickle_helps):
                raise
        return self._save_as(self._formats.pickle, value, allow_pickle=True)

    def load(self, artifact: Artifact, *, allow_pickle: bool = False) -> Any:
        """Return the value of an artifact. It may be changed: what is stored stays.

        Args:
            artifact: What is loaded.
            allow_pickle: Whether code out of the store may run here, if the step that saved it asked for
                pickle.

        Raises:
            PickleRefused: It is a pickle, or holds one, and that is not allowed here.
            CorruptBlob: The stored bytes are damaged.
            MissingBlob: They are gone.
            UnreadableArtifact: They are whole, and cannot be turned into a value here.
            MissingExtra: The library of its type is not installed.
        """
        if artifact.format == PickleFormat.name and not allow_pickle:
            raise PickleRefused(artifact.type)
        one = self._formats.named(artifact.format)
        try:
            return one.load(artifact, _Vault(self, self._blobs, allow_pickle=allow_pickle))
        except InterlockError:
            raise
        except Exception as error:
            raise UnreadableArtifact(
                f"The stored value of type {artifact.type!r} cannot be read here: "
                f"{type(error).__name__}: {error}",
                where=f"format {artifact.format!r}, written with {dict(artifact.meta)}",
                hint="Another version of its library may have written it. Run the step again to store it anew.",
            ) from error

    def join(self, items: Sequence[Artifact]) -> Artifact:
        """Return the artifact of the list of some values, each stored already; none of them is loaded.

        Its digest is made of theirs: that of plain data is the digest of the list.
        """
        if all(one.format == JsonFormat.name and one.inline is not None for one in items):
            return self.save([self.load(one) for one in items])
        tree = [leaf_of(one) for one in items]
        blobs = sorted({blob for one in items for blob in blobs_of(one)})
        stored = _Vault(self, self._blobs, allow_pickle=False).put_text(to_text(tree), **{BLOBS: blobs})
        digest = digest_json(["Joined", [[one.type, one.digest] for one in items]])
        return Artifact(
            digest,
            ContainerFormat.name,
            type_name([]),
            stored.size,
            stored.blob,
            stored.inline,
            dict(stored.meta),
        )

    def split(self, artifact: Artifact) -> list[Artifact] | None:
        """Return the artifacts of the items of a stored list or tuple; None where it is neither.

        Items that have an artifact of their own are not loaded.

        Raises:
            InterlockError: The list cannot be loaded.
        """
        vault = _Vault(self, self._blobs, allow_pickle=True)
        if artifact.format == ContainerFormat.name:
            tree = json.loads(vault.text(artifact))
            if isinstance(tree, list):
                return [leaf_in(one) or self._split_off(one, vault) for one in tree]
        value = self.load(artifact, allow_pickle=True)
        if not isinstance(value, list | tuple):
            return None
        return [self.save(one, allow_pickle=True) for one in value]

    def _split_off(self, tree: Any, vault: _Vault) -> Artifact:
        value = decode(tree, lambda record: vault.load(Artifact.from_json(record)))
        return self.save(value, allow_pickle=True)

    def _save_as(self, one: Format, value: Any, *, allow_pickle: bool) -> Artifact:
        vault = _Vault(self, self._blobs, allow_pickle=allow_pickle)
        if one.name in _TABULAR and _bytes_of(value) >= _LARGE:
            digest, stored = _both(
                lambda: digest_value(value, naming=self._naming), lambda: one.save(value, vault)
            )
        else:
            digest, stored = digest_value(value, naming=self._naming), one.save(value, vault)
        return Artifact(
            digest, one.name, type_name(value), stored.size, stored.blob, stored.inline, dict(stored.meta)
        )

    def arrange(self, files: Mapping[str, str], folders: Iterable[str]) -> Path:
        """Return a folder in which blobs have names; see `interlock.store.arrange`."""
        return arrange(self._blobs, self._cache, files, folders)


@dataclass(frozen=True)
class _Vault:
    """What a format may do with the store while it saves or loads one value."""

    store: ArtifactStore
    blobs: BlobStore
    allow_pickle: bool

    def put_bytes(self, data: bytes | memoryview, **meta: Any) -> Stored:
        return Stored(len(data), self.blobs.put_bytes(data), meta=meta)

    def put_stream(self, write: Write, **meta: Any) -> Stored:
        digest, size = self.blobs.put_stream(write)
        return Stored(size, digest, meta=meta)

    def put_file(self, path: Path) -> str:
        return self.blobs.put_file(path)

    def put_text(self, text: str, **meta: Any) -> Stored:
        if len(text) <= INLINE_LIMIT:
            return Stored(len(text), inline=text, meta=meta)
        return self.put_bytes(text.encode(), **meta)

    def path(self, artifact: Artifact) -> Path:
        return self.blobs.get_file(_blob(artifact))

    def bytes(self, artifact: Artifact) -> bytes:
        return self.blobs.get_bytes(_blob(artifact))

    def text(self, artifact: Artifact) -> str:
        return artifact.inline if artifact.inline is not None else self.bytes(artifact).decode()

    def arrange(self, files: Mapping[str, str], folders: Iterable[str] = ()) -> Path:
        return self.store.arrange(files, folders)

    def save(self, value: Any) -> Artifact:
        return self.store.save(value, allow_pickle=self.allow_pickle)

    def load(self, artifact: Artifact) -> Any:
        return self.store.load(artifact, allow_pickle=self.allow_pickle)


def _both(digest: Callable[[], str], save: Callable[[], Stored]) -> tuple[str, Stored]:
    """Digest a value in one thread while it is written in another: hashing and writing hold no lock of Python's."""
    with ThreadPoolExecutor(1, "interlock-digest") as pool:
        digested = pool.submit(digest)
        try:
            stored = save()
        finally:
            wait([digested])
        return digested.result(), stored


def _bytes_of(value: Any) -> int:
    """Return about how many bytes a table or an array holds: what tells it without looking at each value."""
    if hasattr(value, "memory_usage"):
        size = value.memory_usage(index=False, deep=False)
        return int(size.sum() if hasattr(size, "sum") else size)
    if hasattr(value, "estimated_size"):
        return int(value.estimated_size())
    return int(getattr(value, "nbytes", 0))


def _inline(value: Any) -> Artifact | None:
    """Return the artifact of short plain data, which needs neither a format nor the disk."""
    try:
        text = to_text(encode(value))
    except NotPlain:
        return None
    if len(text) > INLINE_LIMIT:
        return None
    return Artifact(digest_value(value), JsonFormat.name, type_name(value), len(text), inline=text)


def _blob(artifact: Artifact) -> str:
    if artifact.blob is None:
        raise UnreadableArtifact(f"The record of the stored value of type {artifact.type!r} names no blob.")
    return artifact.blob
