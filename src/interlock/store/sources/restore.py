"""The files of a snapshot, written back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InterlockError
from interlock.identity.artifact import Snapshot
from interlock.identity.digest import digest_file
from interlock.store.faults import ReadFailed
from interlock.store.publish import drafting
from interlock.store.sources.faults import ChangedPart
from interlock.store.sources.reading import Reader, relative_names

_SHOWN = 5


class InTheWay(InterlockError):
    """Files of other content are where a snapshot is to be restored."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        super().__init__(
            f"Other content is in the way: {', '.join(names[:_SHOWN])}{more}. Nothing was written.",
            where=str(folder),
            hint="Name another folder, or overwrite them with --force.",
        )
        self.names = names


def restore_snapshot(
    snapshot: Snapshot, reader: Reader, folder: Path, *, force: bool = False
) -> Mapping[str, bool]:
    """Write the files of a snapshot into a folder, byte by byte as they were.

    Args:
        snapshot: What is restored.
        reader: Finds the contents: the files themselves, else their copies in the store.
        folder: Where to; made if need be.
        force: Whether files of other content are overwritten.

    Returns:
        The names of the files, each with whether it was written; what was there already is left alone.

    Raises:
        ChangedPart: A file of the snapshot is gone or changed, and there is no copy of it.
        InTheWay: There is other content in the folder; nothing was written.
        WriteFailed: A file cannot be written.
    """
    names = relative_names(snapshot)
    places = reader.locate(snapshot, exactly=True)
    digests = {part.path: part.bytes for part in snapshot.parts}
    targets = {path: folder / names[path] for path in places}
    missing = [path for path, target in targets.items() if not _is(target, digests[path])]
    other = [names[path] for path in missing if targets[path].exists() or targets[path].is_symlink()]
    if other and not force:
        raise InTheWay(folder, other)
    for path in missing:
        _copy(places[path], targets[path], digests[path])
    return {names[path]: path in missing for path in places}


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path) == digest


def _copy(source: Path, target: Path, digest: str) -> None:
    """Copy a file that is as its digest says, or write nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with drafting(target.parent, target=target, hashed=True) as draft:
        try:
            with source.open("rb") as file:
                while piece := file.read(1 << 20):
                    draft.write(piece)
        except OSError as error:
            raise ReadFailed(source, error) from error
        if f"blake3:{draft.hex}" != digest:
            raise ChangedPart(source, "changed while it was copied")
        draft.place(target, None, 0o644)
