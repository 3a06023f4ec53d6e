"""Snapshots as people name them: found, described, and written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from interlock.engine.context import RunContext
from interlock.engine.datasets import (
    DataChoice,
    current_snapshot,
    dataset_config,
    find_snapshot,
    reader_of,
)
from interlock.errors import InterlockError, UsageError
from interlock.graph.model import Graph
from interlock.identity.profile import Profile
from interlock.records.model import SnapshotRecord
from interlock.store.sources.content import read_content
from interlock.store.sources.faults import ChangedPart, LostSnapshot
from interlock.store.sources.restore import restore_snapshot


def snapshot_named(context: RunContext, text: str, *, check: bool = False) -> SnapshotRecord:
    """Return the snapshot that `flights@3` means, or, for a mere `flights`, the current one, taken now.

    Raises:
        UnknownSnapshot: There is none of that number.
        InterlockError: The dataset is unknown, or cannot be read.
    """
    name, number = parse_snapshot(text)
    if number is None:
        snapshot = current_snapshot(context, name, check=check)
        found = context.records.datasets.by_digest(snapshot.digest, name)
        if found is not None:
            return found
    elif name not in context.records.datasets.names():
        dataset_config(context.project, name)
    return find_snapshot(context, name, number or 0)


def parse_snapshot(text: str) -> tuple[str, int | None]:
    """Return name and number of `flights@3`; no number for a mere `flights`.

    Raises:
        UsageError: What follows the `@` is no number.
    """
    name, at, number = text.rpartition("@")
    if not at:
        return text, None
    if not (number.isascii() and number.isdigit()) or not name:
        raise UsageError(f"{text!r} is no snapshot: a snapshot is written NAME@NUMBER, as in flights@3.")
    return name, int(number)


def parse_choice(words: Sequence[str], *, check_content: bool) -> DataChoice:
    """Return the choice that words such as `flights@3` make.

    Raises:
        UsageError: A word has no number, or a dataset comes twice.
    """
    at: dict[str, int] = {}
    for word in words:
        name, number = parse_snapshot(word)
        if number is None or name in at:
            problem = "names no snapshot" if number is None else "comes twice"
            raise UsageError(f"--data takes NAME@NUMBER once for each dataset; {word!r} {problem}.")
        at[name] = number
    return DataChoice(at, check_content)


def choice_of(context: RunContext, graph: Graph, snapshots: Mapping[str, str]) -> DataChoice:
    """Return the choice of the snapshots that a run recorded, by the digests that it recorded."""
    names = {node.dataset for node in graph.nodes}
    found = {
        name: context.records.datasets.by_digest(digest, name)
        for name, digest in snapshots.items()
        if name in names
    }
    return DataChoice(at={name: record.number for name, record in found.items() if record is not None})


def profile_of(context: RunContext, record: SnapshotRecord) -> Profile | None:
    """Return a snapshot's rows in numbers; parts without a recorded profile are read, where that is possible."""
    datasets, snapshot = context.records.datasets, record.snapshot
    known = datasets.profiles([part.digest for part in snapshot.parts])
    missing = [part for part in snapshot.parts if part.digest not in known]
    if missing:
        try:
            places = reader_of(context, snapshot.dataset).locate(snapshot)
        except InterlockError:
            return None
        read = [
            replace(part, profile=read_content(places[part.path], snapshot.format).profile)
            for part in missing
        ]
        datasets.add_profiles(read)
    return datasets.profile(snapshot)


def restore_to(
    context: RunContext, record: SnapshotRecord, folder: Path, *, force: bool
) -> Mapping[str, bool]:
    """Write the files of a snapshot into a folder; return their names and whether each was written just now.

    Raises:
        LostSnapshot: A file is no longer what it was, and there is no copy of it.
        InTheWay: There is other content in the folder; nothing was written.
    """
    name = record.snapshot.dataset
    try:
        return restore_snapshot(record.snapshot, reader_of(context, name), folder, force=force)
    except ChangedPart as changed:
        raise LostSnapshot(f"{name}@{record.number}", changed) from changed
