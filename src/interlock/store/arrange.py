"""Folders in which blobs have the names that their users know."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from interlock.errors import InterlockError
from interlock.identity.digest import digest_file, digest_hex, digest_json
from interlock.stack.sockets import BlobStore
from interlock.store.faults import write_error


class UnsafeName(InterlockError):
    """A stored tree names a file that would lie outside of its folder."""

    def __init__(self, name: str) -> None:
        super().__init__(f"A stored folder names a file {name!r}, which would lie outside of it.")
        self.name = name


def arrange(blobs: BlobStore, cache: Path, files: Mapping[str, str], folders: Iterable[str] = ()) -> Path:
    """Return a folder that holds these blobs as read-only files of these names, each of them verified.

    The folder is made once, in `cache`, and made anew when anything in it is not as it should be. Files are
    links to the blobs where the file system allows it, so they take no space.

    Args:
        blobs: Where the bytes are.
        cache: A folder for what can be made again at any time.
        files: Relative path -> digest.
        folders: Relative paths of folders that are there even when they are empty.

    Raises:
        UnsafeName: A name is absolute, or leads upwards.
        CorruptBlob: A blob is damaged.
        MissingBlob: A blob is gone.
        WriteFailed: The folder cannot be made.
    """
    folders = sorted(folders)
    for name in (*files, *folders):
        _check(name)
    sources = {name: blobs.get_file(digest) for name, digest in files.items()}
    place = cache / digest_hex(digest_json(["Arranged", dict(files), folders]))
    if not _is_whole(place, files, sources, folders):
        try:
            _make(place, sources, folders)
        except OSError as error:
            raise write_error(place, error) from error
    return place


def _check(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise UnsafeName(name)


def _is_whole(
    place: Path, files: Mapping[str, str], sources: Mapping[str, Path], folders: Iterable[str]
) -> bool:
    if not place.is_dir() or not all((place / name).is_dir() for name in folders):
        return False
    found = {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}
    return found == set(files) and all(
        _is_same(place / name, sources[name], digest) for name, digest in files.items()
    )


def _is_same(path: Path, source: Path, digest: str) -> bool:
    """Tell whether a file is the blob: the very file, which was verified just now, or an equal copy."""
    if path.is_symlink():
        return False
    return path.samefile(source) or digest_file(path) == digest


def _make(place: Path, sources: Mapping[str, Path], folders: Iterable[str]) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".tmp-", dir=place.parent))
    try:
        for name in folders:
            (fresh / name).mkdir(parents=True, exist_ok=True)
        for name, source in sources.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            _link(source, fresh / name)
        _swap(fresh, place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
        target.chmod(0o444)


def _swap(fresh: Path, place: Path) -> None:
    """Put the new folder where the old one is; another process may have done so at the same time."""
    if place.exists():
        place.rename(fresh.with_name(f"{fresh.name}-old"))
        shutil.rmtree(fresh.with_name(f"{fresh.name}-old"), ignore_errors=True)
    with contextlib.suppress(OSError):
        fresh.rename(place)
    if not place.is_dir():
        raise NotADirectoryError(f"{place} could not be made")
