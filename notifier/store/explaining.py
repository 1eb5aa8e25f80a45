"""What explaining reads: one event, whom it was told to and by which deliveries, and what it would join."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, func, literal, or_, select
from sqlalchemy.orm import aliased

from notifier.policy.events import Event as Happening
from notifier.policy.explaining import MANY, Course, Line, decided, taken_back
from notifier.policy.gathering import LONGEST, Told
from notifier.policy.relations import FOLLOW
from notifier.policy.waves import NAMED, Audience
from notifier.policy.words import QUEUE_PAUSED, Reason, State
from notifier.store.joining import told_of
from notifier.store.models import DUE_AT, Address, Delivery, Event, Notification, NotificationEvent, Relation, User
from notifier.store.pausing import Pauses
from notifier.store.rows import audience_of, happening
from notifier.store.sql import AnyRow

_CARRIER = aliased(Delivery)


@dataclass(frozen=True, slots=True)
class Known:
    """An event as it is stored, how far its plan has come, and the deletion that took it back, if one did."""

    event: Happening
    planned_at: datetime | None
    cursor: int
    after: str
    undone_by: str | None
    audience: Audience = NAMED


@dataclass(frozen=True, slots=True)
class Open:
    """A person's open notification, which more of its fold join: its deliveries, and how many events it tells of.

    They are counted up to a hundred and one. `total` ever joined.
    """

    total: int
    live: int
    told: Sequence[Told]


class Explaining:
    """Reads in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def event(self, id: str) -> Known | None:
        """The event of that id, or None."""
        row = self._connection.execute(select(Event).where(Event.id == id)).one_or_none()
        if row is None:
            return None
        return Known(happening(row), row.planned_at, row.plan_cursor, row.plan_after, row.undone_by, audience_of(row))

    def told(self, event: str, after: str, most: int) -> list[str]:
        """Up to `most` of the people for whom the event is planned, in the order of their ids, those after `after`."""
        user = NotificationEvent.user_id
        query = select(user).where(NotificationEvent.event_id == event, user > after).order_by(user).limit(most)
        return list(self._connection.scalars(query))

    def count(self, event: str) -> int:
        """Of how many people there is a record that the event was planned for them."""
        told = select(func.count()).select_from(NotificationEvent).where(NotificationEvent.event_id == event)
        return self._connection.scalar(told) or 0

    def lines(self, event: str, users: Collection[str], deletion: str) -> dict[str, list[Line]]:
        """What became of the event for each of these people for whom it is planned, by the newest deliveries.

        `deletion` is the type of what took it back, if anything did.
        """
        rows = self._deliveries(event, users)
        found: dict[str, list[Line]] = {row.user_id: [] for row in rows}
        for row in _newest(rows):
            found[row.user_id].append(self._in_paused(row, _line(row, deletion)))
        return found

    def _in_paused(self, row: AnyRow, line: Line) -> Line:
        """The line, which says so where its delivery waits for a queue that an admin paused."""
        if line.reason != Reason.PAUSED or row.due_at:
            return line
        pause = Pauses(self._connection).all().get(row.queue)
        return replace(line, rule="queue_paused", value=row.queue, says=pause.sentence if pause else QUEUE_PAUSED)

    def addresses(self, ids: Iterable[str]) -> dict[str, str]:
        """What these addresses are."""
        rows = self._connection.execute(select(Address.id, Address.value).where(Address.id.in_(sorted(set(ids)))))
        return {row.id: row.value for row in rows}

    def follows_since(self, user: str, other: str) -> datetime | None:
        """Since when the person follows the other; None where they do not."""
        return self._connection.scalar(
            select(Relation.created_at).where(
                Relation.user_id == user, Relation.kind == FOLLOW, Relation.other == other
            )
        )

    def is_known(self, user: str) -> bool:
        """Whether there is a person of that id."""
        return self._connection.scalar(select(User.id).where(User.id == user)) is not None

    def followers_at_least(self, person: str, most: int) -> int:
        """How many follow the person, counted no further than `most`."""
        found = select(Relation.user_id).where(Relation.other == person, Relation.kind == FOLLOW).limit(most).subquery()
        return self._connection.scalar(select(func.count()).select_from(found)) or 0

    def taken_back(self, deletion: str, most: int) -> list[tuple[str, str]]:
        """Up to `most` events that this one took back, as (id, type), oldest first."""
        query = select(Event.id, Event.type).where(Event.undone_by == deletion).order_by(Event.id).limit(most)
        return [(row.id, row.type) for row in self._connection.execute(query)]

    def open(self, folds: Collection[tuple[str, str]], now: datetime) -> dict[tuple[str, str], Open]:
        """The open notifications of these (person, fold)."""
        if not folds:
            return {}
        live = (
            select(literal(1))
            .where(NotificationEvent.notification_id == Notification.id, NotificationEvent.undone_at.is_(None))
            .limit(MANY + 1)
            .correlate(Notification)
            .subquery()
        )
        count = select(func.count()).select_from(live).correlate(Notification).scalar_subquery()
        rows = self._connection.execute(
            select(
                Notification.id, Notification.user_id, Notification.fold, Notification.total, count.label("live")
            ).where(
                Notification.user_id.in_(sorted({user for user, _ in folds})),
                Notification.fold.in_(sorted({fold for _, fold in folds})),
                Notification.ended_at.is_(None),
                Notification.opened_at > now - LONGEST,
            )
        ).all()
        told = told_of(self._connection, [row.id for row in rows])
        return {(row.user_id, row.fold): Open(row.total, row.live, told.get(row.id, ())) for row in rows}

    def _deliveries(self, event: str, users: Collection[str]) -> Sequence[AnyRow]:
        told = NotificationEvent
        tells = and_(
            Delivery.notification_id == told.notification_id,
            Delivery.first_round <= told.round,
            or_(Delivery.last_round.is_(None), Delivery.last_round >= told.round),
        )
        return self._connection.execute(
            select(
                told.user_id,
                told.undone_at,
                Notification.undone_at.label("emptied_at"),
                Delivery.id,
                Delivery.type,
                Delivery.channel,
                Delivery.state,
                Delivery.reason,
                Delivery.rule,
                Delivery.value,
                Delivery.tries,
                Delivery.last_code,
                Delivery.queue,
                Delivery.sent_at,
                Delivery.address_id,
                DUE_AT.label("due_at"),
                Delivery.carried_by,
                _CARRIER.state.label("carrier_state"),
                _CARRIER.due_at.label("carrier_due_at"),
            )
            .join(Notification, Notification.id == told.notification_id)
            .join(Delivery, tells, isouter=True)
            .join(_CARRIER, _CARRIER.id == Delivery.carried_by, isouter=True)
            .where(told.event_id == event, told.user_id.in_(sorted(users)))
            .order_by(told.user_id, Delivery.channel, Delivery.id)
        ).all()


def _newest(rows: Sequence[AnyRow]) -> list[AnyRow]:
    """Of each person, channel and address the newest; without one only where nothing newer has an address."""
    newest: dict[tuple[str, str, str | None], AnyRow] = {}
    for row in rows:
        if row.id is None:
            continue
        newest.pop((row.user_id, row.channel, None), None)
        newest[row.user_id, row.channel, row.address_id] = row
    return list(newest.values())


def _line(row: AnyRow, deletion: str) -> Line:
    state = State(row.state)
    reason = Reason(row.reason) if row.reason else None
    course = Course(row.type, row.channel, state, reason, row.tries, row.last_code)
    rule, value = decided(course, row.rule, row.value)
    due_at = row.due_at if state == State.WAITING else None
    if row.carried_by and state == State.WAITING:
        rule, value = "bundle", f"told together with others in {row.carried_by}"
        due_at = row.carrier_due_at if row.carrier_state == State.WAITING else None
    line = Line(row.user_id, row.channel, state, reason, rule, value, due_at, row.id, row.address_id)
    # It was taken back before this went out: what went out, or will, tells of others. Where there were no others, what
    # was not cancelled was on its way already, and told of this.
    on_its_way = row.undone_at == row.emptied_at
    if row.undone_at and not on_its_way and state not in (State.SKIPPED, State.FAILED, State.CANCELLED):
        late = row.sent_at is None or row.sent_at >= row.undone_at
        return taken_back(line, deletion) if late else line
    return line
