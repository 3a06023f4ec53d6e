"""Where scored rows may go: not among the files that a run reads, or the next run would train on answers."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path

from interlock.engine.context import RunContext
from interlock.errors import InterlockError


class OutputInDataset(InterlockError):
    """A file was to be written where it would be read as data."""


def default_target(source: Path, folder: Path) -> Path:
    """Return where the scored rows of a file go when nobody says it: into this folder, under a name that tells."""
    return folder / f"{source.name.partition('.')[0]}.scored.parquet"


def check_target(context: RunContext, source: Path, target: Path) -> None:
    """Check that a file may be written.

    Raises:
        OutputInDataset: It is the file of the rows, or would belong to a dataset.
    """
    place = target.resolve()
    if place == source.resolve():
        raise OutputInDataset(
            "The answers would replace the rows that they belong to.", hint="Name another file: -o"
        )
    for name, uri in _datasets(context).items():
        if _belongs(place, context.project.root / uri):
            raise OutputInDataset(
                f"{target.name!r} would become part of the dataset {name!r}, and the next run would read it.",
                where=str(place.parent),
                hint=f"Write it elsewhere: -o scored/{target.name}",
            )


def _datasets(context: RunContext) -> Mapping[str, str]:
    """Return the uri of each dataset: of the configuration, and of what was read by its path."""
    records = context.records.datasets
    read = {name: latest.snapshot.uri for name in records.names() if (latest := records.latest(name))}
    return read | {name: config.uri for name, config in context.project.config.data.items()}


def _belongs(place: Path, dataset: Path) -> bool:
    if dataset.is_dir():
        return place.is_relative_to(dataset.resolve())
    return _matches(place.parts, dataset.parts)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether a path fits a pattern, in which `**` stands for any folders."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
