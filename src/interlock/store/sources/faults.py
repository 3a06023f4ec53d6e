"""What can be wrong with a dataset."""

from __future__ import annotations

from pathlib import Path

from interlock.errors import InterlockError


class NoData(InterlockError):
    """A dataset has no files."""

    def __init__(self, dataset: str, uri: str, folder: Path | str, hint: str = "") -> None:
        super().__init__(
            f"The dataset {dataset!r} has no data: no file matches {uri!r}.",
            where=str(folder),
            hint=hint or "Put the files there, or correct the uri.",
        )
        self.dataset = dataset
        self.uri = uri


class UnknownDataFormat(InterlockError):
    """Nothing says how the files of a dataset are to be read."""

    exit_code = 2


class UnreadableData(InterlockError):
    """A file of a dataset cannot be read, or does not fit the others."""


class SourceFailed(InterlockError):
    """A database or a bucket refuses, or cannot be reached."""


class UnknownSource(InterlockError):
    """Nothing here can read what a uri names."""

    exit_code = 2


class ChangedPart(InterlockError):
    """A file of a dataset is not, or does not stay, what its snapshot says."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(
            f"{Path(path).name} {problem}.",
            where=str(path),
            hint="Run again when nobody writes to it: its present state is then a new snapshot.",
        )
        self.path = path
        self.problem = problem


class LostSnapshot(InterlockError):
    """An old snapshot is asked for, and a part of it is no longer what it was, nor kept."""

    def __init__(self, snapshot: str, changed: ChangedPart) -> None:
        dataset = snapshot.partition("@")[0]
        super().__init__(
            f"{snapshot} cannot be read any more: {changed.what.removesuffix('.')}, and the store has no copy of it.",
            where=changed.where,
            hint=f'Put the old file back; copies of later snapshots are kept with:  [data.{dataset}]  keep = "copy"',
        )
        self.snapshot = snapshot


class UnknownDataType(InterlockError):
    """A dataset is to be loaded as a type that no reader makes."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A dataset cannot be loaded as {name}.",
            hint="Annotate the input with pandas.DataFrame, polars.DataFrame, pyarrow.Table or pathlib.Path; with "
            "pyarrow.dataset.Dataset, polars.LazyFrame or duckdb.DuckDBPyRelation nothing is read into memory.",
        )
