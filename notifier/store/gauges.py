"""The figures for monitoring, from the roll-ups and bounded counts: to read them walks through no large table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from notifier.store.leases import Leases
from notifier.store.models import Event, Figure
from notifier.store.queues import MOST, Queues, Standing


@dataclass(frozen=True, slots=True)
class Ended:
    """How many deliveries ever came to one end, as of the last roll-up; `reason` is empty where there is none."""

    channel: str
    state: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """What monitoring asks for, at one moment. `unplanned` is counted no further than `MOST`; times are aware UTC."""

    ended: Sequence[Ended]
    standing: Standing
    unplanned: int
    oldest_unplanned_at: datetime | None
    scheduler_beat_at: datetime | None


def gauges(connection: Connection, lease: str, now: datetime) -> Gauges:
    """Read them in the transaction of the connection; `lease` is the name of the schedulers' lease."""
    count, oldest = _unplanned(connection)
    held = Leases(connection).find(lease)
    return Gauges(
        ended=_ended(connection),
        standing=Queues(connection).short(now),
        unplanned=count,
        oldest_unplanned_at=oldest,
        scheduler_beat_at=held.beat_at if held else None,
    )


def _ended(connection: Connection) -> list[Ended]:
    key = (Figure.channel, Figure.state, Figure.reason)
    rows = connection.execute(select(*key, func.sum(Figure.counted)).group_by(*key).order_by(*key))
    return [Ended(channel, state, reason, int(count)) for channel, state, reason, count in rows]


def _unplanned(connection: Connection) -> tuple[int, datetime | None]:
    some = select(Event.accepted_at).where(Event.planned_at.is_(None)).limit(MOST).subquery()
    count, oldest = connection.execute(select(func.count(), func.min(some.c.accepted_at)).select_from(some)).one()
    return count, oldest
