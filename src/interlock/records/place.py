"""Where records are: a SQLite file, named by its path, or a database of a PostgreSQL server, named by its URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from interlock.records.faults import BadRecordsAddress

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class Server:
    """A database of a PostgreSQL server.

    Its text form has no user, no password and no options, so that it may be shown and logged.

    Attributes:
        url: The address with all that is in it, placeholders resolved.
        outage: Seconds for which a server that went away is waited for; one that never answered is not.
    """

    url: str = field(repr=False)
    outage: float = 30.0

    def __str__(self) -> str:
        address = self.address
        port = f":{address.port}" if address.port else ""
        return f"postgresql://{address.host or ''}{port}/{address.database or ''}"

    @cached_property
    def address(self) -> sa.URL:
        """The parts of the address, for SQLAlchemy.

        Raises:
            BadRecordsAddress: It is none, or that of another kind of database.
        """
        scheme, _, rest = self.url.partition("://")
        if scheme not in SCHEMES or not rest:
            raise BadRecordsAddress(f"{scheme!r} is no database that can hold them")
        try:
            return sa.make_url(f"{SCHEMES[-1]}://{rest}")
        except (ValueError, sa.exc.ArgumentError):
            # What SQLAlchemy says repeats the address with its password.
            raise BadRecordsAddress("it cannot be read; is a sign in the password not encoded?") from None


Place = Path | Server
