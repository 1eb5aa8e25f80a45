"""The list of events, newest first: each page looks at so many rows and no more, however rare what is sought."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, and_, func, literal, or_, select
from sqlalchemy.orm import aliased

from notifier.store.models import App, Delivery, Event, NotificationEvent
from notifier.store.sql import none
from notifier.store.types import id_at, moment_of

LOOKED = 3_000  # rows that one page looks at
COUNTED = 50  # people: of an event that is told to more, the list counts no outcomes
OF_ONE = 1_000  # people whose outcomes are counted on an event's own page
_AGAIN = aliased(Delivery)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; empty parts do not narrow. `before` is the id after which the page begins."""

    type: str = ""
    app: str = ""
    actor: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event in the list. `recipients` are those for whom it is planned so far."""

    id: str
    app: str
    type: str
    actor: str
    object: str
    accepted_at: datetime
    planned_at: datetime | None
    recipients: int
    undone_by: str | None
    outcomes: Mapping[str, int]

    @property
    def counted(self) -> bool:
        """Whether the outcomes are those of all its recipients."""
        return self.recipients <= COUNTED


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, and the id after which the next one begins; empty where this is the last.

    `looked_to` is how far it looked, where it stopped before it was full.
    """

    rows: Sequence[EventRow]
    next: str = ""
    looked_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it came in. `body` is the JSON of its data, of one that was `blanked_at` some moment ids alone."""

    id: str
    app: str
    key: str
    door: str
    type: str
    body: bytes
    body_hash: bytes
    occurred_at: datetime
    accepted_at: datetime
    planned_at: datetime | None
    recipients: int
    undone_by: str | None
    blanked_at: datetime | None
    everyone: bool


class Events:
    """Reads events in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: EventFilter, limit: int) -> EventPage:
        """Up to `limit` events of the filter, newest first."""
        by = self._indexed(wanted)
        looked = self._looked(wanted, by, limit)
        found = select(looked.c.id).where(*_rest(wanted, by, looked.c)).order_by(looked.c.id.desc()).limit(limit + 1)
        ids = list(self._connection.scalars(found))
        if len(ids) > limit:
            return EventPage(self._rows(ids[:limit]), ids[limit - 1])
        last = self._connection.scalar(select(looked.c.id).order_by(looked.c.id.desc()).offset(LOOKED - 1))
        return EventPage(self._rows(ids), last or "", moment_of(last) if last else None)

    def find(self, id: str) -> StoredEvent | None:
        """One event, or None."""
        row = self._connection.execute(select(Event).where(Event.id == id)).one_or_none()
        if row is None:
            return None
        return StoredEvent(
            row.id, row.app_id, row.key, row.door, row.type, row.body, row.body_hash, row.occurred_at,
            row.accepted_at, row.planned_at, row.plan_cursor, row.undone_by, row.blanked_at, row.everyone,
        )  # fmt: skip

    def under(self, key: str) -> str | None:
        """The newest event that came under that idempotency key, from whichever app; or None."""
        its = Event.app_id.in_(select(App.id)), Event.key == key
        return self._connection.scalar(select(Event.id).where(*its).order_by(Event.accepted_at.desc()).limit(1))

    def outcomes(self, event: str) -> Mapping[str, int]:
        """How the deliveries of one event stand, of its first thousand people."""
        told = (
            select(NotificationEvent)
            .where(NotificationEvent.event_id == event)
            .order_by(NotificationEvent.user_id)
            .limit(OF_ONE)
            .subquery()
        )
        rows = self._connection.execute(
            select(Delivery.state, func.count()).join(told, _tells(told.c)).where(_last_try()).group_by(Delivery.state)
        )
        return {str(state): count for state, count in rows}

    def _looked(self, wanted: EventFilter, by: str, limit: int) -> Subquery:
        """The newest rows that one page looks at, found by an index."""
        found = select(Event.id, Event.app_id, Event.type, Event.actor, Event.object).where(*_within(wanted))
        if by:
            found = found.where(getattr(Event, by) == getattr(wanted, by))
        most = LOOKED if _rest(wanted, by, Event) else limit + 1
        return found.order_by(Event.id.desc()).limit(most).subquery()

    def _indexed(self, wanted: EventFilter) -> str:
        """Which part of the filter an index finds; empty where the rows are looked at one by one."""
        if wanted.actor:
            return "actor"
        return "object" if wanted.object and not self._is_popular(wanted.object) else ""

    def _is_popular(self, object: str) -> bool:
        """Whether so much was done to the thing that it is found by looking, and not by sorting all of it."""
        some = select(literal(1)).where(Event.object == object).limit(LOOKED).subquery()
        return self._connection.scalar(select(func.count()).select_from(some)) == LOOKED

    def _rows(self, ids: Sequence[str]) -> list[EventRow]:
        columns = (Event.app_id, Event.type, Event.actor, Event.object, Event.accepted_at, Event.planned_at)
        query = select(Event.id, *columns, Event.plan_cursor, Event.undone_by).where(Event.id.in_(ids))
        rows = self._connection.execute(query.order_by(Event.id.desc())).all()
        outcomes = self._outcomes([row.id for row in rows if 0 < row.plan_cursor <= COUNTED])
        return [
            EventRow(
                row.id, row.app_id, row.type, row.actor, row.object, row.accepted_at, row.planned_at, row.plan_cursor,
                row.undone_by, outcomes.get(row.id, {}),
            )
            for row in rows
        ]  # fmt: skip

    def _outcomes(self, events: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        told = NotificationEvent
        query = select(told.event_id, Delivery.state, func.count()).join(told, _tells(told))
        query = query.where(told.event_id.in_(events), _last_try()).group_by(told.event_id, Delivery.state)
        found: dict[str, dict[str, int]] = {}
        for event, state, count in self._connection.execute(query):
            found.setdefault(event, {})[str(state)] = count
        return found


def _rest(wanted: EventFilter, by: str, of: Any) -> list[ColumnElement[bool]]:
    """What is left of the filter, on the rows that are looked at."""
    pairs = {"type": of.type, "app": of.app_id, "actor": of.actor, "object": of.object}
    return [column == getattr(wanted, name) for name, column in pairs.items() if name != by and getattr(wanted, name)]


def _within(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """The time range, and where the page begins: ids sort by time."""
    found = []
    if wanted.since:
        found.append(Event.id >= id_at("evt", wanted.since))
    if wanted.until:
        found.append(Event.id < id_at("evt", wanted.until))
    if wanted.before:
        found.append(Event.id < wanted.before)
    return found


def _tells(told: Any) -> ColumnElement[bool]:
    """That a delivery tells of what joined its notification in that round."""
    return and_(
        Delivery.notification_id == told.notification_id,
        Delivery.first_round <= told.round,
        or_(Delivery.last_round.is_(None), Delivery.last_round >= told.round),
    )


def _last_try() -> ColumnElement[bool]:
    """That nothing was sent again for a delivery: the one that was stands for it."""
    return none(select(_AGAIN.id).where(_AGAIN.retry_of == Delivery.id))
