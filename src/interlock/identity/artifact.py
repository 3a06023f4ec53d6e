"""What the store and the records both call an artifact, and what they call a snapshot of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, cast

from interlock.identity.digest import digest_json
from interlock.identity.fields import MalformedRecord, take_fields

SourceFormat = Literal["csv", "parquet", "arrow", "json"]
SOURCE_FORMATS: tuple[SourceFormat, ...] = ("csv", "parquet", "arrow", "json")


@dataclass(frozen=True)
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
    """One file of a dataset.

    Size and modification time are there to notice cheaply that the file did not change; only the
    path and the digest belong to the identity of a snapshot.
    """

    path: str
    digest: str
    size: int
    mtime_ns: int

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read one entry of a snapshot's `parts`.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        return cls(**take_fields(record, "part of a snapshot", _PART))


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

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot as a JSON object."""
        return asdict(self) | {"parts": [asdict(part) for part in self.parts]}

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
_SNAPSHOT: dict[str, type | tuple[type, ...]] = {
    "dataset": str,
    "digest": str,
    "uri": str,
    "format": str,
    "parts": (list, tuple),
}
