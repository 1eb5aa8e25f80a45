"""Claiming: one process alone gets a delivery, together with all that it must know to send it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, and_, select, update

from notifier.policy.decide import Reach
from notifier.policy.events import Event as Happening
from notifier.policy.words import State
from notifier.store.models import Address, Delivery, Event, Notification, Preference, User
from notifier.store.people import refused_for_good
from notifier.store.planning import happening
from notifier.store.sql import AnyRow
from notifier.store.told import count_actors, newest_events

NEWEST = 200  # events of one notification that are read whole; more are told of by their number


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a notification tells of: its newest events, oldest first, and how many came before them.

    `earlier_actors` acted in those alone.
    """

    events: tuple[Happening, ...]
    earlier_events: int = 0
    earlier_actors: int = 0


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
    told: Gathered


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
        told = self._told(folds)
        facts = self._facts([row.id for row in rows])
        claimed = [_claimed(row, facts[row.id], folds[row.notification_id], told[row.notification_id]) for row in rows]
        return sorted(claimed, key=lambda one: one.id)

    def _close(self, notifications: Iterable[str], now: datetime) -> dict[str, str]:
        """Close them, so that nothing joins what is being sent; gives what each folds with."""
        ids = sorted(notifications)
        self._connection.execute(
            update(Notification).where(Notification.id.in_(ids)).values(round=Notification.round + 1)
        )
        rows = self._connection.execute(select(Notification.id, Notification.fold).where(Notification.id.in_(ids)))
        return {row.id: row.fold for row in rows}

    def _told(self, notifications: Iterable[str]) -> dict[str, Gathered]:
        newest = newest_events(notifications, NEWEST)
        rows = self._connection.execute(
            select(newest.c.notification_id, newest.c.count.label("told"), Event)
            .join(Event, Event.id == newest.c.event_id)
            .order_by(newest.c.notification_id, Event.id)
        ).all()
        return {
            notification: self._gathered(notification, list(group))
            for notification, group in groupby(rows, key=attrgetter("notification_id"))
        }

    def _gathered(self, notification: str, rows: Sequence[AnyRow]) -> Gathered:
        events = tuple(happening(row) for row in rows)
        earlier = rows[0].told - len(rows)
        if not earlier:
            return Gathered(events)
        return Gathered(
            events, earlier, count_actors(self._connection, notification, but={event.actor.id for event in events})
        )

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


def _claimed(delivery: AnyRow, fact: AnyRow, fold: str, told: Gathered) -> Claimed:
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
        told=told,
    )
