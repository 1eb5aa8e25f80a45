"""Claiming: one process alone gets a delivery, together with all that it must know to send it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, select, update

from notifier.policy.decide import Reach
from notifier.policy.events import Event as Happening
from notifier.policy.words import State
from notifier.store.models import Address, Delivery, Event, Notification, NotificationEvent, Preference, User
from notifier.store.people import refused_for_good
from notifier.store.planning import happening
from notifier.store.sql import AnyRow


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process alone may send now, with all that was known when it was claimed."""

    id: str
    notification: str
    user: str
    type: str
    fold: str
    channel: str
    queue: str
    tries: int
    last_code: str
    created_at: datetime
    wanted_at: datetime
    address_id: str
    address: str
    key_id: str
    reach: Reach  # on this channel now, by this address alone
    cadence: str  # the person's own choice now; empty where they made none
    name: str
    locale: str
    timezone: str
    events: tuple[Happening, ...]


class Claims:
    """The claim of a chunk of deliveries, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, ids: Sequence[str], token: str, *, now: datetime, lease: timedelta) -> list[Claimed]:
        """Take those of these deliveries that are queued and that nobody else has; in the order of their ids."""
        rows = self._connection.execute(
            update(Delivery)
            .where(Delivery.id.in_(ids), Delivery.state == State.QUEUED)
            .values(state=State.SENDING, reason=None, claim_token=token, due_at=now + lease)
            .returning(Delivery)
        ).all()
        if not rows:
            return []
        folds = self._close({row.notification_id for row in rows}, now)
        events = self._events(folds)
        facts = self._facts([row.id for row in rows])
        claimed = [
            _claimed(row, facts[row.id], folds[row.notification_id], events[row.notification_id]) for row in rows
        ]
        return sorted(claimed, key=lambda one: one.id)

    def _close(self, notifications: Iterable[str], now: datetime) -> dict[str, str]:
        """Close them, so that nothing joins what is being sent; gives what each folds with."""
        ids = sorted(notifications)
        self._connection.execute(
            update(Notification).where(Notification.id.in_(ids), Notification.closed_at.is_(None)).values(closed_at=now)
        )
        rows = self._connection.execute(select(Notification.id, Notification.fold).where(Notification.id.in_(ids)))
        return {row.id: row.fold for row in rows}

    def _events(self, notifications: Iterable[str]) -> dict[str, list[Happening]]:
        rows = self._connection.execute(
            select(NotificationEvent.notification_id, Event)
            .join(Event, Event.id == NotificationEvent.event_id)
            .where(NotificationEvent.notification_id.in_(list(notifications)))
            .order_by(NotificationEvent.notification_id, Event.id)
        )
        found: dict[str, list[Happening]] = {}
        for row in rows:
            found.setdefault(row.notification_id, []).append(happening(row))
        return found

    def _facts(self, deliveries: Sequence[str]) -> Mapping[str, AnyRow]:
        """What may have changed since the plan: the person, their address and their choice, by delivery."""
        choice = and_(
            Preference.user_id == Delivery.user_id,
            Preference.type == Delivery.type,
            Preference.channel == Delivery.channel,
        )
        # A browser may have become another person's since: what it gets is theirs alone.
        theirs = and_(Address.id == Delivery.address_id, Address.user_id == Delivery.user_id)
        rows = self._connection.execute(
            select(
                Delivery.id,
                Address.value,
                Address.key_id,
                Address.gone_at,
                Address.gone_why,
                Preference.cadence,
                User.name,
                User.locale,
                User.timezone,
            )
            .join(Address, theirs, isouter=True)
            .join(Preference, choice, isouter=True)
            .join(User, User.id == Delivery.user_id, isouter=True)
            .where(Delivery.id.in_(deliveries))
        )
        return {row.id: row for row in rows}


def _reach(delivery: AnyRow, fact: AnyRow) -> Reach:
    if fact.value is not None and fact.gone_at is None:
        return Reach((delivery.address_id,))
    return Reach(suppressed=refused_for_good(fact.gone_why))


def _claimed(delivery: AnyRow, fact: AnyRow, fold: str, events: Sequence[Happening]) -> Claimed:
    return Claimed(
        id=delivery.id,
        notification=delivery.notification_id,
        user=delivery.user_id,
        type=delivery.type,
        fold=fold,
        channel=delivery.channel,
        queue=delivery.queue,
        tries=delivery.tries,
        last_code=delivery.last_code,
        created_at=delivery.created_at,
        wanted_at=delivery.wanted_at,
        address_id=delivery.address_id or "",
        address=fact.value or "",
        key_id=fact.key_id or "",
        reach=_reach(delivery, fact),
        cadence=fact.cadence or "",
        name=fact.name or "",
        locale=fact.locale or "en",
        timezone=fact.timezone or "UTC",
        events=tuple(events),
    )
