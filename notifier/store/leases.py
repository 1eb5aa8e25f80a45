"""Leases: who does something alone, for as long as it is heard of."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, or_, select, update

from notifier.store.models import Lease
from notifier.store.sql import insert


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it stands: whose it is or was last, and when that one was last heard of (aware UTC)."""

    holder: str
    until: datetime
    taken_at: datetime
    beat_at: datetime


class Leases:
    """All leases, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, holder: str, *, now: datetime, until: datetime) -> bool:
        """Take the lease, or keep it for longer; False where another holds it."""
        row = insert(self._connection, Lease).values(name=name, holder=holder, until=until, taken_at=now, beat_at=now)
        kept = case((Lease.holder == holder, Lease.taken_at), else_=now)
        taken = row.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": holder, "until": until, "taken_at": kept, "beat_at": now},
            where=or_(Lease.until < now, Lease.holder == holder),
        ).returning(Lease.name)
        return self._connection.execute(taken).first() is not None

    def release(self, name: str, holder: str, now: datetime) -> None:
        """Leave the lease to others at once."""
        self._connection.execute(update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=now))

    def find(self, name: str) -> Held | None:
        """The lease as it stands; None where nobody ever took it."""
        row = self._connection.execute(select(Lease).where(Lease.name == name)).one_or_none()
        return Held(row.holder, row.until, row.taken_at, row.beat_at) if row else None
