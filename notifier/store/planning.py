"""One transaction of the plan: what is unplanned, what decides about its recipients, and what was decided."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, select, update

from notifier.policy.decide import Plan, Reach, Recipient
from notifier.policy.events import Event as Happening
from notifier.policy.events import read_event
from notifier.policy.words import Cadence
from notifier.store.models import (
    Address,
    Delivery,
    Event,
    Notification,
    NotificationEvent,
    Preference,
    Relation,
    Tally,
    User,
)
from notifier.store.people import refused_for_good
from notifier.store.sql import AnyRow, insert, locked
from notifier.store.types import new_id


@dataclass(frozen=True, slots=True)
class Unplanned:
    """An event whose recipients from `cursor` on have not been planned yet."""

    event: Happening
    cursor: int


@dataclass(frozen=True, slots=True)
class Told:
    """That a person is to be told of an event: its plans, and what it folds with.

    With `closes_at` it gathers: until then, events of the same fold join one notification.
    """

    event: Happening
    user: str
    fold: str
    closes_at: datetime | None
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A stored delivery that can go out at once."""

    id: str
    channel: str
    queue: str


def happening(row: AnyRow) -> Happening:
    """The event of a row of `events`."""
    return read_event(
        json.loads(row.body),
        id=row.id,
        app=row.app_id,
        type=row.type,
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
    )


class Planning:
    """The store's side of one plan transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unplanned(self, event_ids: Sequence[str], most: int) -> list[Unplanned]:
        """Those of these events that nobody has planned or is planning, oldest first."""
        query = select(Event).where(Event.id.in_(event_ids), Event.planned_at.is_(None)).order_by(Event.id).limit(most)
        rows = self._connection.execute(locked(self._connection, query, Event)).all()
        return [Unplanned(happening(row), row.plan_cursor) for row in rows]

    def recipients(
        self, users: Iterable[str], types: Iterable[str], standing: Iterable[str]
    ) -> Mapping[tuple[str, str], Recipient]:
        """All that decides about these people, by (person, type). `standing` channels need no address."""
        users, types = sorted(set(users)), sorted(set(types))
        zones = self._zones(users)
        choices = self._choices(users, types)
        stands = {channel: Reach(stands=True) for channel in standing}
        reach = {user: stands | found for user, found in self._reach(users).items()}
        return {
            (user, type_): Recipient(
                user, zones.get(user, "UTC"), choices.get((user, type_), {}), reach.get(user, stands)
            )
            for user in users
            for type_ in types
        }

    def relate(self, relations: Iterable[tuple[str, str, str]], now: datetime) -> None:
        """Remember that each (person, kind, other) holds."""
        rows = [
            {"user_id": user, "kind": kind, "other": other, "created_at": now}
            for user, kind, other in dict.fromkeys(relations)
        ]
        if rows:
            self._connection.execute(insert(self._connection, Relation).on_conflict_do_nothing(), rows)

    def store(self, told: Sequence[Told], now: datetime, again: Mapping[str, datetime]) -> list[Planned]:
        """Store what was decided; gives the deliveries that can go out now. `again` is per queue when to ring again."""
        if not told:
            return []
        notifications = self._notifications(told, now)
        new = self._told_first([(one, notifications[index][0]) for index, one in enumerate(told)])
        opened = {notification: one for one, notification in reversed(new)}
        rows = [
            self._delivery(opened[notification], plan, notification, now, again)
            for notification in dict.fromkeys(notification for notification, fresh in notifications if fresh)
            if notification in opened
            for plan in opened[notification].plans
        ]
        if rows:
            self._connection.execute(insert(self._connection, Delivery), rows)
            tally(self._connection, (row["channel"] for row in rows), now)
        return [Planned(row["id"], row["channel"], row["queue"]) for row in rows if row["state"] == "queued"]

    def advance(self, event_id: str, cursor: int, planned_at: datetime | None) -> None:
        """Move the event's cursor behind the recipients that are planned; with `planned_at` the plan is finished."""
        self._connection.execute(
            update(Event).where(Event.id == event_id).values(plan_cursor=cursor, planned_at=planned_at)
        )

    def _zones(self, users: list[str]) -> dict[str, str]:
        rows = self._connection.execute(select(User.id, User.timezone).where(User.id.in_(users)))
        return {row.id: row.timezone for row in rows}

    def _choices(self, users: list[str], types: list[str]) -> dict[tuple[str, str], dict[str, Cadence]]:
        rows = self._connection.execute(
            select(Preference).where(Preference.user_id.in_(users), Preference.type.in_(types))
        )
        found: dict[tuple[str, str], dict[str, Cadence]] = {}
        for row in rows:
            found.setdefault((row.user_id, row.type), {})[row.channel] = Cadence(row.cadence)
        return found

    def _reach(self, users: list[str]) -> dict[str, dict[str, Reach]]:
        rows = self._connection.execute(
            select(Address.user_id, Address.channel, Address.id, Address.gone_at, Address.gone_why)
            .where(Address.user_id.in_(users))
            .order_by(Address.user_id, Address.channel, Address.id)
        ).all()
        found: dict[str, dict[str, Reach]] = {}
        for (user, channel), group in groupby(rows, key=itemgetter(0, 1)):
            addresses = list(group)
            live = tuple(row.id for row in addresses if row.gone_at is None)
            suppressed = not live and any(refused_for_good(row.gone_why) for row in addresses)
            found.setdefault(user, {})[channel] = Reach(live, suppressed=suppressed)
        return found

    def _notifications(self, told: Sequence[Told], now: datetime) -> list[tuple[str, bool]]:
        """The notification of each, and whether it was opened here. What gathers joins the one that is open."""
        alone = [self._notification(one, now) for one in told if one.closes_at is None]
        if alone:
            self._connection.execute(insert(self._connection, Notification), alone)
        ids = iter(row["id"] for row in alone)
        joined = self._join([one for one in told if one.closes_at is not None], now)
        return [joined[one.user, one.fold] if one.closes_at else (next(ids), True) for one in told]

    def _join(self, told: Sequence[Told], now: datetime) -> dict[tuple[str, str], tuple[str, bool]]:
        # The same order in every process, so that two planners wait for one another instead of deadlocking.
        folding = sorted(told, key=attrgetter("user", "fold", "closes_at"))
        rows = [self._notification(next(group), now) for _, group in groupby(folding, key=attrgetter("user", "fold"))]
        if not rows:
            return {}
        self._connection.execute(
            update(Notification)
            .where(
                Notification.user_id.in_([row["user_id"] for row in rows]),
                Notification.closed_at.is_(None),
                Notification.closes_at <= now,
            )
            .values(closed_at=now)
        )
        opened = insert(self._connection, Notification).values(rows)
        # The touched row stays locked until the commit: whoever closes it waits, and then sees what joined.
        found = self._connection.execute(
            opened.on_conflict_do_update(
                index_elements=["user_id", "fold"],
                index_where=Notification.closed_at.is_(None),
                set_={"closes_at": Notification.closes_at},
            ).returning(Notification.id, Notification.user_id, Notification.fold)
        )
        fresh = {row["id"] for row in rows}
        return {(row.user_id, row.fold): (row.id, row.id in fresh) for row in found}

    def _notification(self, one: Told, now: datetime) -> dict[str, Any]:
        return {
            "id": new_id("ntf"),
            "user_id": one.user,
            "type": one.event.type,
            "fold": one.fold,
            "opened_at": now,
            "closes_at": one.closes_at or now,
            "closed_at": None if one.closes_at else now,
        }

    def _told_first(self, pairs: Sequence[tuple[Told, str]]) -> list[tuple[Told, str]]:
        """Those that were not told before: a plan made twice meets the key (event, person)."""
        rows = [
            {"event_id": one.event.id, "user_id": one.user, "notification_id": notification}
            for one, notification in pairs
        ]
        told = insert(self._connection, NotificationEvent).values(rows)
        new = self._connection.execute(
            told.on_conflict_do_nothing().returning(NotificationEvent.event_id, NotificationEvent.user_id)
        )
        first = {(row.event_id, row.user_id) for row in new}
        return [(one, notification) for one, notification in pairs if (one.event.id, one.user) in first]

    def _delivery(
        self, one: Told, plan: Plan, notification: str, now: datetime, again: Mapping[str, datetime]
    ) -> dict[str, Any]:
        queued = plan.state == "queued"
        return {
            "id": new_id("dlv"),
            "notification_id": notification,
            "app_id": one.event.app,
            "user_id": one.user,
            "type": one.event.type,
            "channel": plan.channel,
            "address_id": plan.address,
            "queue": plan.queue,
            "state": plan.state,
            "reason": plan.reason,
            "due_at": again[plan.queue] if queued else plan.due_at,
            "wanted_at": plan.due_at or now,
            "tries": 0,
            "last_code": "",
            "created_at": now,
            "sent_at": now if plan.state == "sent" else None,
        }


def tally(connection: Connection, channels: Iterable[str], now: datetime) -> None:
    """Count planned deliveries, one for each channel named, in the transaction that stores them."""
    day = now.date().isoformat()
    for channel, count in sorted(Counter(channels).items()):
        row = insert(connection, Tally).values(day=day, channel=channel, planned=count)
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["day", "channel"], set_={"planned": Tally.planned + row.excluded.planned}
            )
        )
