"""What an endpoint is asked to serve, and where that points at the moment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from interlock.errors import InterlockError
from interlock.records.ledger import ManifestSink
from interlock.records.place import Place, Server
from interlock.records.records import Records
from interlock.serving.watch import Pointer

_TARGET = re.compile(r"(?P<model>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?:@(?P<which>[A-Za-z0-9_.-]+))?")


class BadTarget(InterlockError):
    """What is to be served was not written as a model and its alias or version."""

    exit_code: ClassVar[int] = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is not something to serve.",
            hint="Write MODEL@ALIAS or MODEL@VERSION, such as delays@champion or delays@3.",
        )


class RecordsGone(InterlockError):
    """There is no records file: nothing was run here yet, or it has vanished."""

    def __init__(self) -> None:
        super().__init__(
            "The records file is not there.",
            hint="Run a pipeline first, or make it again: interlock records rebuild",
        )


@dataclass(frozen=True)
class Target:
    """A model and either an alias, which is followed, or a version, which is not."""

    model: str
    alias: str | None
    version: int | None

    def __str__(self) -> str:
        return f"{self.model}@{self.alias if self.version is None else self.version}"


def parse_target(text: str) -> Target:
    """Return the target that a text names; a bare model means its champion.

    Raises:
        BadTarget: The text is no target.
    """
    match = _TARGET.fullmatch(text)
    if match is None:
        raise BadTarget(text)
    which = match["which"] or "champion"
    if which.isascii() and which.isdigit():
        return Target(match["model"], None, int(which))
    return Target(match["model"], which, None)


_OUTAGE = 1.0
"""Seconds for which a server of the records is waited for: answers do not depend on it, and it is asked again."""


class Pointers:
    """Ask the records where a target points, and survive whatever happens to them.

    A file may vanish, be replaced by a rebuilt one, or be damaged and mended while the endpoint runs;
    each question is asked of the file that is there now. A server may go and come back.
    """

    def __init__(self, place: Place, manifests: ManifestSink, target: Target) -> None:
        self._place = replace(place, outage=_OUTAGE) if isinstance(place, Server) else place
        self._manifests = manifests
        self._target = target
        self._records: Records | None = None
        self._inode = 0

    def resolve(self) -> Pointer:
        """Return where the target points.

        Raises:
            RecordsGone: There is no records file.
            UnknownModel, UnknownVersion, UnknownAlias: The target names nothing.
        """
        records = self.records()
        try:
            if self._target.version is not None:
                found = records.models.get(self._target.model, self._target.version)
            else:
                found = records.models.resolve(self._target.model, self._target.alias or "champion")
        except Exception:
            self.close()
            raise
        return Pointer(found.number, found.bundle, found.run_id)

    def records(self) -> Records:
        """Return the records, opened again if their file is another one than before."""
        try:
            inode = 0 if isinstance(self._place, Server) else self._place.stat().st_ino
        except FileNotFoundError:
            self.close()
            raise RecordsGone from None
        if self._records is None or inode != self._inode:
            self.close()
            self._records = Records.open(self._place, self._manifests)
            self._inode = inode
        return self._records

    def close(self) -> None:
        """Let go of the records."""
        if self._records is not None:
            self._records.close()
            self._records = None
