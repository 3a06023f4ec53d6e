"""Snapshots of datasets: their state at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interlock.identity.artifact import Part, Snapshot, SourceFormat
from interlock.store.sources.address import recorded
from interlock.store.sources.faults import ChangedPart
from interlock.store.sources.opening import bytes_digest, content_of, needed, open_files
from interlock.store.sources.query import Query
from interlock.store.sources.source import Files, Shelf, SourceConfig, Stamp

_ATTEMPTS = 3


def take_snapshot(
    dataset: str,
    config: SourceConfig,
    root: Path,
    known: Sequence[Part] = (),
    *,
    shelf: Shelf | None = None,
    check: bool = False,
) -> Snapshot:
    """Return the state of a dataset as it is now.

    Args:
        dataset: Its name.
        config: Where it is.
        root: What its uri and the paths of its parts are relative to.
        known: Parts of an earlier snapshot. One that looks unchanged (size, time, inode or ETag) is not read
            again, so that an appended part costs only that part; nor does one whose content is the same
            become another one.
        shelf: Where fetched objects and the rows of queries are kept; files of this machine need none.
        check: Read also what looks unchanged, whatever the configuration says.

    Raises:
        NoData: Nothing matches the uri.
        UnknownDataFormat: The names of the files do not tell the format.
        UnsetVariable: The uri names an environment variable that is not set.
        UnknownSource: Nothing here reads such a uri.
        ChangedPart: Somebody keeps writing to a file while it is read.
        ReadFailed, SourceFailed: A file, a bucket or a database cannot be read.
    """
    trust = not check and config.check == "stat"
    if config.query is not None:
        question = Query(dataset, config.uri, config.query, root, config.part_by)
        return question.snapshot(known, needed(shelf, dataset), trust=trust)
    source = open_files(dataset, config, root, shelf)
    file_format, names = source.find()
    earlier = {part.path: part for part in known}
    parts = [_part(source, name, file_format, earlier.get(name), trust=trust) for name in names]
    return Snapshot.of(dataset, recorded(config.uri), file_format, parts)


def _part(source: Files, name: str, file_format: SourceFormat, known: Part | None, *, trust: bool) -> Part:
    for _ in range(_ATTEMPTS):
        stamp = source.stamp(name)
        if trust and known is not None and stamp.fits(known):
            return known
        try:
            path = source.fetch(name, stamp)
        except ChangedPart:  # since it was listed
            continue
        if known is not None and known.bytes == (stored := bytes_digest(path)):
            return _stamped(known, stamp)
        content = content_of(path, file_format)
        if source.stamp(name) == stamp:
            stored = "" if content.stored == content.digest else content.stored
            return Part(name, content.digest, stamp.size, stamp.mtime_ns, stored, stamp.tag, content.profile)
    raise ChangedPart(name, "is being written to")


def _stamped(part: Part, stamp: Stamp) -> Part:
    return Part(part.path, part.digest, stamp.size, stamp.mtime_ns, part.stored, stamp.tag)
