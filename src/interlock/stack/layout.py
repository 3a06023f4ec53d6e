"""Where a project's state lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InterlockError

HOME_VARIABLE = "INTERLOCK_HOME"
STACK_VARIABLE = "INTERLOCK_STACK"


class HomeNotWritable(InterlockError):
    """The folder for runs and models cannot be made or written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The folder {path} for runs and models cannot be made: {reason}.",
            hint="Make it writable, or name another folder with INTERLOCK_HOME.",
        )
        self.path = path


@dataclass(frozen=True)
class Home:
    """The `.interlock` folder of a project: everything that Interlock keeps, in one place."""

    path: Path

    @property
    def store(self) -> Path:
        """The folder of the content-addressed store."""
        return self.path / "store"

    @property
    def records(self) -> Path:
        """The SQLite file of the records."""
        return self.path / "records.db"

    @property
    def predictions(self) -> Path:
        """The folder into which endpoints log what they answered."""
        return self.path / "predictions"

    @property
    def tmp(self) -> Path:
        """The folder for what may be thrown away at any time."""
        return self.path / "tmp"

    @property
    def token_file(self) -> Path:
        """The file that holds the token for writes to local endpoints."""
        return self.path / "token"

    def create(self) -> Home:
        """Make the folder and its parts, private to the user and invisible to git; return self.

        Safe to call again, and from several processes at once.

        Raises:
            HomeNotWritable: A folder or file on the way refuses.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.store, self.predictions, self.tmp):
                folder.mkdir(mode=0o700, exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise HomeNotWritable(self.path, error.strerror or str(error)) from error
        return self
