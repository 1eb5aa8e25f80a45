"""How the deliveries of some events stand: counted, by state and reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, func, select

from notifier.policy.words import Reason, State
from notifier.store.models import DUE_AT, Delivery, Event, NotificationEvent

IDS = 500  # in one statement; SQLite allows 32,766 parameters


@dataclass(frozen=True, slots=True)
class Standing:
    """How many deliveries are in one state for one reason; `first_due` and `last_due` where they are due, aware UTC."""

    state: State
    reason: Reason | None
    count: int
    first_due: datetime | None = None
    last_due: datetime | None = None


def standing_of(connection: Connection, events: Sequence[str]) -> list[Standing]:
    """How the deliveries of these events stand; one that tells of several of them counts once."""
    notifications = sorted({one for ids in _some(events) for one in _notifications(connection, ids)})
    found = [one for ids in _some(notifications) for one in _standing(connection, ids)]
    found.sort(key=_what)
    return [_together(list(same)) for _, same in groupby(found, key=_what)]


def unplanned_of(connection: Connection, events: Sequence[str]) -> int:
    """How many of these events have no finished plan yet."""
    counts = (
        select(func.count()).select_from(Event).where(Event.id.in_(ids), Event.planned_at.is_(None))
        for ids in _some(events)
    )
    return sum(connection.scalar(count) or 0 for count in counts)


def _notifications(connection: Connection, events: Sequence[str]) -> list[str]:
    told = select(NotificationEvent.notification_id).where(NotificationEvent.event_id.in_(events)).distinct()
    return list(connection.scalars(told))


def _standing(connection: Connection, notifications: Sequence[str]) -> list[Standing]:
    rows = connection.execute(
        select(Delivery.state, Delivery.reason, func.count(), func.min(DUE_AT), func.max(DUE_AT))
        .where(Delivery.notification_id.in_(notifications))
        .group_by(Delivery.state, Delivery.reason)
    )
    return [
        Standing(State(state), Reason(why) if why else None, count, first, last)
        for state, why, count, first, last in rows
    ]


def _what(one: Standing) -> tuple[str, str]:
    return one.state, one.reason or ""


def _together(same: Sequence[Standing]) -> Standing:
    firsts = [one.first_due for one in same if one.first_due]
    lasts = [one.last_due for one in same if one.last_due]
    count = sum(one.count for one in same)
    return Standing(same[0].state, same[0].reason, count, min(firsts, default=None), max(lasts, default=None))


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + IDS] for start in range(0, len(ids), IDS))
