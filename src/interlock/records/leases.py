"""Leases: who may act under a name, by the clock of the database, with a fence for holders that slept."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from interlock.errors import InterlockError
from interlock.records.database import Database
from interlock.records.ledger import upsert
from interlock.records.model import Fence, Lease
from interlock.records.schema import leases


class LeaseLost(InterlockError):
    """Someone else holds the lease by now; what was to be written under it was not."""

    def __init__(self, fence: Fence) -> None:
        super().__init__(
            f"The lease {fence.lease!r} is no longer held under epoch {fence.epoch}.",
            hint="Another process took over; acquire the lease again before acting.",
        )
        self.fence = fence


class database_time(FunctionElement[float]):  # noqa: N801 (used like a function of SQL)
    """Seconds since the epoch by the database's clock: one clock for all who share a lease."""

    type = sa.Float()
    inherit_cache = True


@compiles(database_time, "sqlite")
def _sqlite_time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_time, "postgresql")
def _postgresql_time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


_SAVE = upsert(leases)


class Leases:
    """Acquire, renew and give back leases.

    A lease has one row; its epoch counts up with every holder and never down. A clock that was set
    forward ends a lease early, and the epoch then refuses the former holder; one that was set back
    would keep a dead holder's lease for as long, so a lease that ends later than its own length from
    now counts as ended as well.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, seconds: float) -> int | None:
        """Take the lease when nobody holds it; return its epoch, or None when it is held."""

        def work(connection: sa.Connection) -> int | None:
            now: float = connection.execute(sa.select(database_time())).scalar_one()
            row = connection.execute(sa.select(leases).where(leases.c.name == name)).first()
            if row is not None and row.holder is not None and now < row.expires_at <= now + row.seconds:
                return None
            epoch = 1 if row is None else row.epoch + 1
            taken = {"name": name, "holder": holder, "epoch": epoch}
            connection.execute(_SAVE(connection), taken | {"expires_at": now + seconds, "seconds": seconds})
            return epoch

        return self._database.write(work)

    def renew(self, name: str, epoch: int, seconds: float) -> bool:
        """Hold the lease for `seconds` from now; False when someone else took it meanwhile."""
        held = _held(name, epoch)
        later = sa.update(leases).where(held).values(expires_at=database_time() + seconds, seconds=seconds)
        return self._database.change(later) == 1

    def release(self, name: str, epoch: int) -> bool:
        """Give the lease back; False when it was not held under `epoch` any more."""
        given = sa.update(leases).where(_held(name, epoch)).values(holder=None, expires_at=0.0)
        return self._database.change(given) == 1

    def get(self, name: str) -> Lease | None:
        """Return the lease as it stands, ended or not; None when nobody ever held it."""
        query = sa.select(leases.c.name, leases.c.holder, leases.c.epoch, leases.c.expires_at)
        row = self._database.row(query.where(leases.c.name == name))
        return None if row is None else Lease(**row)


def _held(name: str, epoch: int) -> sa.ColumnElement[bool]:
    return sa.and_(leases.c.name == name, leases.c.epoch == epoch, leases.c.holder.is_not(None))


def holds(connection: sa.Connection, name: str, epoch: int) -> bool:
    """Tell, inside a transaction, whether `epoch` is still the lease's own.

    A lease that has ended and that nobody took is still its holder's: inside the transaction nobody can
    take it any more.
    """
    return connection.execute(sa.select(leases.c.name).where(_held(name, epoch))).first() is not None


def require(connection: sa.Connection, fence: Fence | None) -> None:
    """Refuse to go on in this transaction when `fence` is given and no longer valid.

    Raises:
        LeaseLost: Someone else holds the lease, or it was given back.
    """
    if fence is not None and not holds(connection, fence.lease, fence.epoch):
        raise LeaseLost(fence)
