"""The delivery log: what became of everything, read in pages that never count and never skip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, true

from notifier.policy.words import Reason, State
from notifier.store.models import Address, Attempt, Delivery, Digest, Event, NotificationEvent
from notifier.store.sql import AnyRow
from notifier.store.told import newest_events
from notifier.store.types import id_at

SHOWN = 100  # events of one entry: a notification may have gathered a hundred thousand


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show of the log; empty parts do not narrow. `before` is the id after which the page begins.

    `after` is the id before which it ends. `codes` are the last answers, "" for those without one; `ids` name
    deliveries one by one.
    """

    states: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    user: str = ""
    app: str = ""
    event: str = ""
    delivery: str = ""
    digest: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """What narrows, as the audit says it: "states=failed, user='bob'"; "all" where nothing does."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ", ".join(f"{name}={_said(value)}" for name, value in given if value) or "all"


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery as the log shows it."""

    id: str
    notification: str
    app: str
    user: str
    type: str
    channel: str
    queue: str
    state: State
    reason: Reason | None
    rule: str  # what decided, with its value
    value: str
    wanted_at: datetime
    due_at: datetime | None
    tries: int
    last_code: str
    created_at: datetime
    sent_at: datetime | None
    address_id: str
    address: str
    retry_of: str | None
    carried_by: str | None  # the delivery in whose message it is told
    digest: str | None  # that it waits for, or was told in
    events: tuple[str, ...] = ()  # the newest `SHOWN` of its notification, oldest first
    event_count: int = 0


@dataclass(frozen=True, slots=True)
class AttemptEntry:
    """One try, as it was recorded."""

    id: str
    started_at: datetime
    ms: int
    outcome: str
    code: str
    text: str
    worker: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event and how its deliveries stand."""

    id: str
    app: str
    type: str
    occurred_at: datetime
    accepted_at: datetime
    planned_at: datetime | None
    deliveries: Mapping[str, int] = field(default_factory=dict)


class Log:
    """The log's queries, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def event(self, id: str) -> EventEntry | None:
        """The event and the count of its deliveries by state, or None."""
        row = self._connection.execute(select(Event).where(Event.id == id)).one_or_none()
        if row is None:
            return None
        counts = self._connection.execute(
            select(Delivery.state, func.count())
            .where(Delivery.notification_id.in_(_notifications_of(id)))
            .group_by(Delivery.state)
        )
        deliveries = {str(state): count for state, count in counts}
        return EventEntry(row.id, row.app_id, row.type, row.occurred_at, row.accepted_at, row.planned_at, deliveries)

    def event_line(self, id: str) -> EventEntry | None:
        """The event without its deliveries, or None."""
        row = self._connection.execute(select(Event).where(Event.id == id)).one_or_none()
        if row is None:
            return None
        return EventEntry(row.id, row.app_id, row.type, row.occurred_at, row.accepted_at, row.planned_at)

    def page(self, wanted: Filter, limit: int) -> list[Entry]:
        """Up to `limit` deliveries of the filter, newest first."""
        query = _entries().where(*conditions(wanted)).order_by(Delivery.id.desc()).limit(limit)
        return self._with_events(self._connection.execute(query).all())

    def rows(self, wanted: Filter, limit: int, *, oldest_first: bool = False) -> list[Entry]:
        """Up to `limit` deliveries of the filter, newest first, without their events."""
        order = Delivery.id.asc() if oldest_first else Delivery.id.desc()
        rows = self._connection.execute(_entries().where(*conditions(wanted)).order_by(order).limit(limit))
        return [_entry(row, (), 0) for row in rows]

    def last_texts(self, deliveries: Sequence[str]) -> dict[str, str]:
        """What the provider said to the last try of each of these."""
        place = func.row_number().over(partition_by=Attempt.delivery_id, order_by=Attempt.id.desc())
        numbered = (
            select(Attempt.delivery_id, Attempt.text, place.label("place"))
            .where(Attempt.delivery_id.in_(deliveries))
            .subquery()
        )
        rows = self._connection.execute(select(numbered.c.delivery_id, numbered.c.text).where(numbered.c.place == 1))
        return {delivery: text for delivery, text in rows}  # noqa: C416 (a row is no pair to mypy)

    def delivery(self, id: str) -> Entry | None:
        """One delivery, or None."""
        entries = self._with_events(self._connection.execute(_entries().where(Delivery.id == id)).all())
        return entries[0] if entries else None

    def several(self, ids: Sequence[str]) -> list[Entry]:
        """These deliveries, in this order; those that are not there are left out."""
        query = _entries().where(Delivery.id.in_(ids))
        found = {entry.id: entry for entry in self._with_events(self._connection.execute(query).all())}
        return [found[id_] for id_ in ids if id_ in found]

    def attempts(self, delivery: str) -> list[AttemptEntry]:
        """The delivery's tries, oldest first."""
        rows = self._connection.execute(
            select(Attempt).where(Attempt.delivery_id == delivery).order_by(Attempt.started_at, Attempt.id)
        )
        return [
            AttemptEntry(row.id, row.started_at, row.ms, row.outcome, row.code, row.text, row.worker) for row in rows
        ]

    def retried_as(self, delivery: str) -> str | None:
        """The delivery that was made when an operator retried this one, or None."""
        return self._connection.scalar(select(Delivery.id).where(Delivery.retry_of == delivery))

    def unplanned_at_least(self, count: int) -> bool:
        """Whether more than that many events wait for their plan; looks at no more rows than that."""
        waiting = select(Event.id).where(Event.planned_at.is_(None)).limit(count + 1).subquery()
        return (self._connection.scalar(select(func.count()).select_from(waiting)) or 0) > count

    def _with_events(self, rows: Sequence[AnyRow]) -> list[Entry]:
        newest = newest_events({row.notification_id for row in rows}, SHOWN)
        events: dict[str, list[str]] = {}
        counts: dict[str, int] = {}
        for notification, event, count in self._connection.execute(select(newest).order_by(newest.c.event_id)):
            events.setdefault(notification, []).append(event)
            counts[notification] = count
        return [
            _entry(row, tuple(events.get(row.notification_id, ())), counts.get(row.notification_id, 0)) for row in rows
        ]


def _said(value: str | datetime | tuple[str, ...]) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    # Whoever is erased is found in the audit by their id in quotes.
    return repr(value) if isinstance(value, str) else " or ".join(value)


def _entries() -> Select[*tuple[object, ...]]:
    return select(Delivery, Address.value.label("address")).join(
        Address, Address.id == Delivery.address_id, isouter=True
    )


def _notifications_of(event: str) -> Select[str]:
    return select(NotificationEvent.notification_id).where(NotificationEvent.event_id == event)


def conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """The filter as SQL."""
    several = (
        (Delivery.state, wanted.states),
        (Delivery.channel, wanted.channels),
        (Delivery.type, wanted.types),
        (Delivery.reason, wanted.reasons),
        (Delivery.last_code, wanted.codes),
        (Delivery.id, wanted.ids),
    )
    narrowed: list[ColumnElement[bool]] = [column.in_(values) for column, values in several if values]
    if wanted.states and State.SENT not in wanted.states and not wanted.user:
        # Said in the index's own words: SQLite uses it for no others. A person's are found by another one.
        narrowed.append(Delivery.state != literal_column("'sent'"))
    one = ((Delivery.user_id, wanted.user), (Delivery.app_id, wanted.app), (Delivery.id, wanted.delivery))
    narrowed += [column == value for column, value in one if value]
    if wanted.event:
        narrowed.append(Delivery.notification_id.in_(_notifications_of(wanted.event)))
    if wanted.digest:
        # All of them are its person's, and a person's are found by an index.
        narrowed.append(Delivery.user_id == select(Digest.user_id).where(Digest.id == wanted.digest).scalar_subquery())
        narrowed.append(Delivery.digest_id == wanted.digest)
    # Ids sort by time, so that a time range is a range of the primary key.
    if wanted.since:
        narrowed.append(Delivery.id >= id_at("dlv", wanted.since))
    if wanted.until:
        narrowed.append(Delivery.id < id_at("dlv", wanted.until))
    if wanted.before:
        narrowed.append(Delivery.id < wanted.before)
    if wanted.after:
        narrowed.append(Delivery.id > wanted.after)
    return narrowed or [true()]


def _entry(row: AnyRow, events: tuple[str, ...], event_count: int) -> Entry:
    return Entry(
        id=row.id,
        notification=row.notification_id,
        app=row.app_id,
        user=row.user_id,
        type=row.type,
        channel=row.channel,
        queue=row.queue,
        state=State(row.state),
        reason=Reason(row.reason) if row.reason else None,
        # What waits for a digest has no timer of its own; when a paused queue goes on nobody knows.
        due_at=row.due_at or (row.wanted_at if row.digest_id and row.reason != Reason.PAUSED else None),
        rule=row.rule,
        value=row.value,
        wanted_at=row.wanted_at,
        tries=row.tries,
        last_code=row.last_code,
        created_at=row.created_at,
        sent_at=row.sent_at,
        address_id=row.address_id or "",
        address=row.address or "",
        retry_of=row.retry_of,
        carried_by=row.carried_by,
        digest=row.digest_id,
        events=events,
        event_count=event_count,
    )
