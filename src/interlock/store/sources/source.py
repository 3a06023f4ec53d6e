"""What a source of files is, and where the contents of parts are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from interlock.identity.artifact import Part, SourceFormat
from interlock.stack.sockets import BlobStore
from interlock.store.arrange import arrange


@dataclass(frozen=True)
class Stamp:
    """By what a change of a part is noticed without reading it."""

    size: int
    mtime_ns: int
    tag: str

    def fits(self, part: Part) -> bool:
        """Tell whether a part looks as it did; parts of early snapshots have no tag."""
        same = (part.size, part.mtime_ns) == (self.size, self.mtime_ns)
        return same and part.tag in ("", self.tag)


class Files(Protocol):
    """A source whose parts are files, here or elsewhere."""

    def find(self) -> tuple[SourceFormat, list[str]]:
        """Return the format and the names of the parts.

        Raises:
            NoData: There is none.
            UnknownDataFormat: The names do not tell the format.
        """

    def stamp(self, name: str) -> Stamp:
        """Return by what a change of a part is noticed.

        Raises:
            ChangedPart: It is gone.
            ReadFailed, SourceFailed: It cannot be looked at.
        """

    def fetch(self, name: str, stamp: Stamp) -> Path:
        """Return a file of this machine that holds the part as it was with that stamp.

        Raises:
            ChangedPart: It is another one by now.
            ReadFailed, SourceFailed: It cannot be read.
        """


class Options(Protocol):
    """How a bucket is reached; what is not said comes from the environment."""

    @property
    def endpoint(self) -> str | None:
        """The address of the service."""

    @property
    def region(self) -> str | None:
        """The region of the bucket."""

    @property
    def anonymous(self) -> bool:
        """Whether requests are not signed."""


class SourceConfig(Protocol):
    """Where a dataset is."""

    @property
    def uri(self) -> str:
        """A file, a folder or a pattern, here or in a bucket; or a database."""

    @property
    def format(self) -> str | None:
        """The format of the files, where their names do not tell it."""

    @property
    def query(self) -> str | None:
        """What a database is asked."""

    @property
    def part_by(self) -> str | None:
        """The column whose values divide the rows of a query into parts."""

    @property
    def check(self) -> Literal["stat", "content"]:
        """Whether a part that looks unchanged is taken to be, or read."""

    @property
    def keep(self) -> Literal["reference", "copy"]:
        """Whether contents are copied into the store."""

    @property
    def options(self) -> Options:
        """How a bucket is reached."""


@dataclass(frozen=True)
class Shelf:
    """Where contents are kept: for good in the store, for a while in a folder.

    Args:
        blobs: The store.
        cache: A folder for what can be made again at any time.
    """

    blobs: BlobStore
    cache: Path

    def lay_out(self, files: Mapping[str, str]) -> Path:
        """Return a folder in which blobs have these names, each of them verified."""
        return arrange(self.blobs, self.cache, files)
