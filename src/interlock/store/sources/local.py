"""Datasets in files of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from interlock.identity.artifact import SourceFormat
from interlock.store.faults import ReadFailed
from interlock.store.sources.faults import ChangedPart, NoData, UnreadableData
from interlock.store.sources.formats import is_hidden, pick_format
from interlock.store.sources.source import Stamp

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class LocalFiles:
    """The files that a uri names.

    Args:
        dataset: The name of the dataset.
        uri: A file, a folder or a pattern.
        root: What it is relative to.
        format: The format, where names do not tell it.
    """

    dataset: str
    uri: str
    root: Path
    format: str | None = None

    def find(self) -> tuple[SourceFormat, list[str]]:
        """Return the format, and the names of the files, relative to the root where they are inside."""
        file_format, files = pick_format(
            self.dataset, self.format, find_files(self.dataset, self.uri, self.root)
        )
        return file_format, [self._name(path) for path in files]

    def stamp(self, name: str) -> Stamp:
        """Return by what a change of a file is noticed cheaply."""
        path = self.root / name
        try:
            status = path.stat()
        except FileNotFoundError:
            raise ChangedPart(path, "is gone") from None
        except OSError as error:
            raise ReadFailed(path, error) from error
        # The time of the last change of the inode cannot be set back, as that of the content can.
        return Stamp(status.st_size, status.st_mtime_ns, f"{status.st_ino}-{status.st_ctime_ns}")

    def fetch(self, name: str, stamp: Stamp) -> Path:  # noqa: ARG002 - what is here need not be fetched
        """Return the file itself."""
        return self.root / name

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


def find_files(dataset: str, uri: str, root: Path) -> list[Path]:
    """Return the files that a uri names: one file, all files of a folder, or those that match a pattern.

    Files and folders whose name begins with a dot or an underscore are passed over: checkpoints, markers
    and the like. A link that leads out of the folder is refused, as its target is none of the dataset's.

    Raises:
        NoData: There is none.
        UnreadableData: It cannot be searched, or a link leads out of the folder that is searched.
    """
    try:
        return _found(dataset, uri, root)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise UnreadableData(
            f"The files of the dataset {dataset!r} cannot be looked for: {error.strerror or error}.",
            where=uri[:80],
        ) from error


def _found(dataset: str, uri: str, root: Path) -> list[Path]:
    place = root / uri
    if place.is_file():
        return [place]
    base, pattern = (place, "**/*") if place.is_dir() else _split_pattern(place)
    found = [path for path in base.glob(pattern) if not is_hidden(path.relative_to(base))]
    files = [path for path in found if path.is_file()]
    if not files:
        hint = "Only folders match: end the pattern with '/**/*.csv' or the like." if found else ""
        raise NoData(dataset, uri, root, hint)
    for path in files:
        if not path.resolve().is_relative_to(base.resolve()):
            raise UnreadableData(
                f"{path.name} is a link that leads out of the folder of the dataset {dataset!r}.",
                where=str(path),
                hint="Name the folder that it leads to in the uri.",
            )
    return files


def _split_pattern(place: Path) -> tuple[Path, str]:
    """Split a pattern into the folder to search and the rest."""
    parts = list(_until_magic(place.parts))
    rest = place.parts[len(parts) :] or (parts.pop(),)
    return Path(*parts), "/".join(rest)


def _until_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if _MAGIC.search(part):
            return
        yield part
