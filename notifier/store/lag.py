"""How far the service is behind: what nobody took although its time had come."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, TextClause, func, select

from notifier.policy.queues import QUEUES
from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.models import IS_UNBUILT, UNFINISHED, Delivery, Digest, Event
from notifier.store.outbox import OVERDUE
from notifier.store.pausing import RESUMED

TICK = timedelta(minutes=1)  # digests are looked for once a minute
_ANYTHING_DUE = f"{OVERDUE} UNION ALL {RESUMED} LIMIT 1"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Deliveries of one queue that wait for their first try; the oldest has waited since `since` (aware UTC)."""

    queue: str
    count: int
    since: datetime


def is_anything_due(database: Database, now: datetime) -> bool:
    """Whether a sweep would find anything. Asked every second and mostly in vain, so it opens no transaction.

    Raises `DatabaseAway`.
    """
    return bool(database.ask(_ANYTHING_DUE, now, now))


def overdue_since(connection: Connection, now: datetime) -> datetime | None:
    """Since when the oldest thing has been due that the sweep did not take up; None where nothing is. Aware UTC."""
    # Of each queue by itself, since that is how the index is ordered.
    queues = (_first(Delivery.due_at, UNFINISHED, Delivery.queue == name, Delivery.due_at <= now) for name in QUEUES)
    event = _first(Event.due_at, Event.planned_at.is_(None), Event.due_at <= now)
    digest = _first(Digest.due_at, IS_UNBUILT, Digest.due_at <= now - TICK)
    [moments] = connection.execute(select(*queues, event, digest))
    return min((moment for moment in moments if moment), default=None)


def _first(moment: Any, *which: ColumnElement[bool] | TextClause) -> ScalarSelect[datetime]:
    return select(moment).where(*which).order_by(moment).limit(1).scalar_subquery()


def backlogs(connection: Connection) -> list[Backlog]:
    """What each queue's workers have not begun."""
    rows = connection.execute(
        select(Delivery.queue, func.count(), func.min(Delivery.wanted_at))
        .where(Delivery.state == State.QUEUED, Delivery.tries == 0)
        .group_by(Delivery.queue)
    )
    return [Backlog(queue, count, since) for queue, count, since in rows]


def newest_event_at(connection: Connection) -> datetime | None:
    """When the newest event was accepted, by the clock of the machine that took it; aware UTC."""
    return connection.scalar(select(Event.accepted_at).order_by(Event.id.desc()).limit(1))


def database_clock(connection: Connection) -> datetime | None:
    """The time on the database's machine; None where that is this machine."""
    if connection.dialect.name == "sqlite":
        return None
    moment: datetime | None = connection.scalar(select(func.clock_timestamp()))
    return moment
