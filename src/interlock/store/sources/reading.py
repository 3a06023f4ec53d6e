"""The rows of a snapshot, as they were."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.identity.artifact import Part, Snapshot, SourceFormat
from interlock.store.faults import ReadFailed
from interlock.store.sources.faults import ChangedPart, NoData, SourceFailed, UnknownDataType
from interlock.store.sources.lazy import is_lazy, open_handle
from interlock.store.sources.local import LocalFiles
from interlock.store.sources.opening import bytes_digest, content_of, needed, open_bucket
from interlock.store.sources.query import ASKED
from interlock.store.sources.s3 import S3Files
from interlock.store.sources.source import Files, Shelf, SourceConfig
from interlock.store.sources.tables import read_table

_LIBRARIES = {"pd": "pandas", "pl": "polars", "pa": "pyarrow"} | dict.fromkeys(
    ("ds", "pads", "pa.dataset", "pyarrow.dataset"), "pyarrow"
)
_WHOLE = ("pandas.DataFrame", "polars.DataFrame", "pyarrow.Table")
_PATH = "pathlib.Path"
_SINCE = "changed since its snapshot was taken"


@dataclass(frozen=True)
class Reader:
    """Reads snapshots: each part from where it was, else from its copy in the store.

    Args:
        root: As in `take_snapshot`.
        config: How a bucket is reached that parts are in.
        shelf: Where fetched objects and copies are kept.
    """

    root: Path
    config: SourceConfig | None = None
    shelf: Shelf | None = None

    def read(self, snapshot: Snapshot, as_type: Any) -> Any:
        """Return the rows of a snapshot, parts in the order of their paths.

        Args:
            snapshot: What is read.
            as_type: pandas.DataFrame, polars.DataFrame or pyarrow.Table; pyarrow.dataset.Dataset,
                polars.LazyFrame or duckdb.DuckDBPyRelation for a handle that reads when it is asked;
                pathlib.Path for the file itself, or the folder that holds the files.

        Raises:
            ChangedPart: A part is gone or changed since the snapshot was taken, or changes while it is read.
            UnreadableData: A file cannot be read, or its columns are not those of the others.
            UnknownDataType: `as_type` is none of those.
            MissingExtra: The library is not installed.
        """
        name = named_type(as_type)
        if name == _PATH:
            return self._folder(snapshot)
        if name not in _WHOLE and not is_lazy(name):
            raise UnknownDataType(name)
        places = self.locate(snapshot)
        if is_lazy(name):
            return open_handle(name, snapshot.format, list(places.values()))
        value = read_table(name.partition(".")[0], snapshot.format, list(places.values()))
        self.check(snapshot, places)
        return value

    def locate(self, snapshot: Snapshot, *, exactly: bool = False) -> dict[str, Path]:
        """Return a file of this machine for each part, by name, that holds the part's content.

        Args:
            snapshot: Whose parts.
            exactly: Whether the very bytes are asked for, and not only equal rows.

        Raises:
            ChangedPart: A part is gone or changed, and there is no copy of it.
        """
        found: dict[str, Path] = {}
        copies: dict[str, str] = {}
        for part in snapshot.parts:
            try:
                found[part.path] = self._original(part, snapshot.format, exactly=exactly)
            except (ChangedPart, NoData, ReadFailed, SourceFailed):
                if self.shelf is None or not self.shelf.blobs.has(part.bytes):
                    raise
                copies[part.path] = part.bytes
        if copies and self.shelf is not None:
            names = relative_names(snapshot)
            laid = self.shelf.lay_out({names[path]: digest for path, digest in copies.items()})
            found |= {path: laid / names[path] for path in copies}
        return {part.path: found[part.path] for part in snapshot.parts}

    def check(self, snapshot: Snapshot, places: Mapping[str, Path]) -> None:
        """See to it that the files of this machine that were read are still those of the snapshot.

        Args:
            snapshot: What was read.
            places: Where from, as `locate` said.

        Raises:
            ChangedPart: One changed while it was read.
        """
        for part in snapshot.parts:
            place = self.root / part.path
            if _is_local(part) and places[part.path] == place:
                try:
                    self._original(part, snapshot.format, exactly=False)
                except ChangedPart as changed:
                    raise ChangedPart(
                        place, changed.problem.replace(_SINCE, "changed while it was read")
                    ) from None

    def _original(self, part: Part, file_format: SourceFormat, *, exactly: bool) -> Path:
        """Return the file that a part is, provided that it is as it was."""
        if part.path.startswith(ASKED):
            raise ChangedPart(part.path, "is what a database answered, which only the store keeps")
        local = _is_local(part)
        source: Files = LocalFiles("", "", self.root) if local else self._bucket(part)
        stamp = source.stamp(part.path)
        path = source.fetch(part.path, stamp)
        if local and stamp.fits(part):
            return path
        if not local and stamp.fits(part) and bytes_digest(path) != part.bytes:
            path.unlink()  # what was fetched is damaged
            path = source.fetch(part.path, stamp)
        if bytes_digest(path) == part.bytes:
            return path
        if exactly or part.stored in ("", part.digest) or content_of(path, file_format).digest != part.digest:
            raise ChangedPart(path if local else part.path, _SINCE)
        return path

    def _bucket(self, part: Part) -> S3Files:
        return open_bucket("", part.path, self.config, self.shelf)

    def _folder(self, snapshot: Snapshot) -> Path:
        """Return the one file, or the folder that holds all files and, where they are copies, nothing else."""
        places = self.locate(snapshot, exactly=True)
        own = [self.root / part.path for part in snapshot.parts]
        names = relative_names(snapshot)
        if list(places.values()) != own:
            shelf = needed(self.shelf, snapshot.dataset)
            folder = shelf.lay_out(
                {names[path]: shelf.blobs.put_file(place) for path, place in places.items()}
            )
            own = [folder / names[path] for path in places]
            return own[0] if len(own) == 1 else folder
        return own[0] if len(own) == 1 else Path(os.path.commonpath(own))


def relative_names(snapshot: Snapshot) -> dict[str, str]:
    """Return the name of each part below the folder that holds them all; the rows of a query get a suffix."""
    paths = [part.path for part in snapshot.parts]
    folders = [path.split("/")[:-1] for path in paths]
    shared = 0
    while folders and all(len(one) > shared and one[shared] == folders[0][shared] for one in folders):
        shared += 1
    names = {path: "/".join(path.split("/")[shared:]) for path in paths}
    return {
        path: f"{name.removeprefix(ASKED)}.arrow" if path.startswith(ASKED) else name
        for path, name in names.items()
    }


def copy_parts(snapshot: Snapshot, reader: Reader, shelf: Shelf) -> None:
    """Put the contents of a snapshot into the store; what is there already is not read.

    Raises:
        ChangedPart: A part changes while it is copied.
        WriteFailed: The store cannot be written to.
    """
    missing = [part for part in snapshot.parts if not shelf.blobs.has(part.bytes)]
    places = reader.locate(
        Snapshot.of(snapshot.dataset, snapshot.uri, snapshot.format, missing), exactly=True
    )
    for part in missing:
        if shelf.blobs.put_file(places[part.path]) != part.bytes:
            raise ChangedPart(part.path, "changed while it was copied")


def is_read_later(name: str) -> bool:
    """Tell whether a step that is given a type, as `library.Name`, reads files while it runs."""
    return name == _PATH or is_lazy(name)


def named_type(as_type: Any) -> str:
    """Return `library.Name` of a class, or of an annotation that is still text."""
    if isinstance(as_type, type) and issubclass(as_type, Path):
        return _PATH
    if isinstance(as_type, type):
        library, name = as_type.__module__.partition(".")[0].lstrip("_"), as_type.__name__
    else:
        library, _, name = str(as_type).rpartition(".")
        library = _LIBRARIES.get(library, library)
    return f"{library}.{name}"


def _is_local(part: Part) -> bool:
    return not part.path.startswith((ASKED, "s3://"))
