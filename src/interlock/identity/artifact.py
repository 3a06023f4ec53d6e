"""What the store and the records both call an artifact, and what they call a snapshot of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast

from interlock.identity.digest import digest_json
from interlock.identity.fields import MalformedRecord, take_fields
from interlock.identity.profile import Profile

SourceFormat = Literal["csv", "parquet", "arrow", "json"]
SOURCE_FORMATS: tuple[SourceFormat, ...] = ("csv", "parquet", "arrow", "json")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A value that a step produced, and where its bytes are.

    Attributes:
        digest: Digest of the value, by its logical content; two artifacts of one digest are the same.
        format: Name of the format that turns the bytes back into the value.
        type: Qualified name of the value's type.
        size: Number of stored bytes.
        blob: Digest of the stored bytes; None when the value is small enough to be `inline`.
        inline: The value itself as JSON text; None when it is in a blob.
        meta: What the format wants to remember, as JSON.
    """

    digest: str
    format: str
    type: str
    size: int
    blob: str | None = None
    inline: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the artifact as a JSON object."""
        return {name: getattr(self, name) for name in _ARTIFACT} | {"meta": dict(self.meta)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        return cls(**take_fields(record, "artifact", _ARTIFACT))


@dataclass(frozen=True)
class Part:
    """One part of a dataset: a file, an object of a bucket, or the rows of a query with one value.

    Only path and digest belong to the identity of a snapshot.

    Attributes:
        path: Its name: relative to the project, or absolute, or `s3://…`, or `column=value`.
        digest: Digest of the content: of the rows where the format has types, else of the bytes without
            compression.
        size: Number of bytes.
        mtime_ns: When it was last modified.
        stored: Digest of the bytes; empty where `digest` is that already.
        tag: What else changes with the file, by which a change is noticed cheaply: an inode, an ETag.
        profile: The rows in numbers, when the part was read just now; recorded apart.
    """

    path: str
    digest: str
    size: int
    mtime_ns: int
    stored: str = ""
    tag: str = ""
    profile: Profile | None = field(default=None, compare=False, repr=False)

    @property
    def bytes(self) -> str:
        """The digest of the bytes: the name of a copy in the store."""
        return self.stored or self.digest

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a snapshot's `parts`."""
        needed = {name: getattr(self, name) for name in _PART}
        return needed | {name: value for name in _PART_MORE if (value := getattr(self, name))}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read one entry of a snapshot's `parts`.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        more = {name: str(record[name]) for name in _PART_MORE if name in record}
        return cls(**take_fields(record, "part of a snapshot", _PART) | more)


@dataclass(frozen=True)
class Snapshot:
    """The state of a dataset at one moment: its parts and their digests."""

    dataset: str
    digest: str
    uri: str
    format: SourceFormat
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, dataset: str, uri: str, format: SourceFormat, parts: Iterable[Part]) -> Self:
        """Make the snapshot of `parts`, whose digest covers (path, digest) of each, in order of path."""
        ordered = tuple(sorted(parts, key=lambda part: part.path))
        return cls(dataset, digest_parts(ordered), uri, format, ordered)

    @property
    def content(self) -> str:
        """The digest over the bytes of the parts, for those who read these and not the rows."""
        return digest_json(["Snapshot", sorted([part.path, part.bytes] for part in self.parts)])

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot as a JSON object."""
        facts = {name: getattr(self, name) for name in _SNAPSHOT}
        return facts | {"parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            MalformedRecord: A field is missing, has the wrong type, or names an unknown format.
        """
        found = take_fields(record, "snapshot", _SNAPSHOT)
        if found["format"] not in SOURCE_FORMATS:
            raise MalformedRecord("snapshot", [f"'format' is {found['format']!r}"])
        parts = tuple(Part.from_json(part) for part in found["parts"])
        return cls(**found | {"format": cast("SourceFormat", found["format"]), "parts": parts})


def digest_parts(parts: Iterable[Part]) -> str:
    """Return the digest of a dataset: over path and content of its parts, whatever their order."""
    return digest_json(["Snapshot", sorted([part.path, part.digest] for part in parts)])


_TEXT_OR_NONE = (str, type(None))
_ARTIFACT: dict[str, type | tuple[type, ...]] = {
    "digest": str,
    "format": str,
    "type": str,
    "size": int,
    "blob": _TEXT_OR_NONE,
    "inline": _TEXT_OR_NONE,
    "meta": dict,
}
_PART: dict[str, type | tuple[type, ...]] = {"path": str, "digest": str, "size": int, "mtime_ns": int}
_PART_MORE = ("stored", "tag")
_SNAPSHOT: dict[str, type | tuple[type, ...]] = {
    "dataset": str,
    "digest": str,
    "uri": str,
    "format": str,
    "parts": (list, tuple),
}
