"""Numbers for outcomes, in the order of their commits, so that a reader who goes by them misses none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from heapq import merge
from itertools import islice
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from notifier.policy.words import Reason, State
from notifier.store.models import App, Counter, Delivery, Event
from notifier.store.sql import AnyRow, insert
from notifier.store.told import newest_events

NAME = "changes"
SHOWN = 100  # events of one delivery: a notification may have gathered a hundred thousand


class Subject(IntEnum):
    """What has changed; of one transaction events stand before deliveries."""

    EVENT = 0
    DELIVERY = 1


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order of all changes: the reader has everything up to here."""

    number: int
    subject: Subject
    id: str


BEGINNING = Position(0, Subject.EVENT, f"evt_{'0' * 32}")


@dataclass(frozen=True, slots=True)
class Planned:
    """An event of the app was planned: from now on its deliveries exist."""

    position: Position
    type: str
    key: str  # the sender's own; empty where it gave none
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery has come to its end. One that bounces after it was sent ends twice."""

    position: Position
    type: str
    notification: str
    user: str
    channel: str
    state: State
    reason: Reason | None
    sent_at: datetime | None
    events: tuple[str, ...]  # the newest `SHOWN` of its notification, oldest first


class Changes:
    """The outcomes of one app's events in the order of their commits, in one transaction of the given connection."""

    def __init__(self, connection: Connection, app: str) -> None:
        self._connection = connection
        self._app = app

    def after(self, position: Position, limit: int) -> Sequence[Planned | Ended]:
        """Up to `limit` changes that stand after this position, in order."""
        events = self._connection.execute(self._events(position, limit)).all()
        deliveries = self._connection.execute(self._deliveries(position, limit)).all()
        told = self._told({row.notification_id for row in deliveries})
        planned: Iterable[Planned | Ended] = map(_planned, events)
        ended: Iterable[Planned | Ended] = (_ended(row, told.get(row.notification_id, ())) for row in deliveries)
        return list(islice(merge(planned, ended, key=attrgetter("position")), limit))

    def purged_to(self) -> int:
        """The largest number of a change of this app that was purged; 0 where none was."""
        return self._connection.scalar(select(App.purged_change).where(App.id == self._app)) or 0

    def _events(self, position: Position, limit: int) -> Select[*tuple[object, ...]]:
        query = select(Event.change, Event.id, Event.type, Event.key, Event.planned_at)
        behind = _behind(Subject.EVENT, position, Event.change, Event.id)
        return query.where(Event.app_id == self._app, behind).order_by(Event.change, Event.id).limit(limit)

    def _deliveries(self, position: Position, limit: int) -> Select[*tuple[object, ...]]:
        behind = _behind(Subject.DELIVERY, position, Delivery.change, Delivery.id)
        mine = select(Delivery).where(Delivery.app_id == self._app, behind)
        return mine.order_by(Delivery.change, Delivery.id).limit(limit)

    def _told(self, notifications: Iterable[str]) -> dict[str, tuple[str, ...]]:
        newest = newest_events(notifications, SHOWN)
        told: dict[str, tuple[str, ...]] = {}
        query = select(newest.c.notification_id, newest.c.event_id).order_by(newest.c.event_id)
        for notification, event in self._connection.execute(query):
            told[notification] = (*told.get(notification, ()), event)
        return told


def number(connection: Connection) -> int:
    """The number of this transaction's outcomes. Late in the transaction: until its commit, others wait for theirs.

    That wait is what makes a number seen by a reader mean that every smaller one can be seen as well.
    """
    row = insert(connection, Counter).values(name=NAME, value=1)
    counted = row.on_conflict_do_update(index_elements=["name"], set_={"value": Counter.value + 1})
    value: int = connection.execute(counted.returning(Counter.value)).scalar_one()
    return value


def _behind(
    subject: Subject, position: Position, number: InstrumentedAttribute[int | None], id: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """The changes of this subject that stand after the position."""
    if subject > position.subject:
        return number >= position.number
    if subject < position.subject:
        return number > position.number
    # Said twice, so that both databases find the first of them by the index.
    return and_(number >= position.number, or_(number > position.number, id > position.id))


def _planned(row: AnyRow) -> Planned:
    key = "" if row.key == row.id else row.key
    return Planned(Position(row.change, Subject.EVENT, row.id), row.type, key, row.planned_at)


def _ended(row: AnyRow, events: tuple[str, ...]) -> Ended:
    return Ended(
        position=Position(row.change, Subject.DELIVERY, row.id),
        type=row.type,
        notification=row.notification_id,
        user=row.user_id,
        channel=row.channel,
        state=State(row.state),
        reason=Reason(row.reason) if row.reason else None,
        sent_at=row.sent_at,
        events=events,
    )
