"""Joining: events of one fold become one notification of a person, whoever plans them and at the same moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select, update

from notifier.policy import gathering
from notifier.policy.decide import Plan
from notifier.policy.events import Event as Happening
from notifier.policy.words import Reason, State
from notifier.store.models import DUE_AT, Delivery, Notification, NotificationEvent
from notifier.store.sql import AnyRow, among, insert, locked_all
from notifier.store.types import new_id


@dataclass(frozen=True, slots=True)
class Told:
    """That a person is to be told of an event: its plans, and what it folds with.

    What `joins` becomes part of the person's open notification of that fold. With `late_at` only milestones of it
    are told, and what lies between them at the latest then. What is `undone` was taken back before it was told.
    """

    event: Happening
    user: str
    fold: str
    plans: tuple[Plan, ...]
    joins: bool = False
    late_at: datetime | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True)
class _Open:
    """An open notification, locked: its round, how many events ever joined it, and whether it was opened here."""

    id: str
    round: int
    total: int
    fresh: bool


class Joining:
    """Joins in the transaction of the given connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def join(self, told: Sequence[Told]) -> list[tuple[Told, Plan, str, int]]:
        """Let each join its notification; gives the deliveries to make, with notification and round."""
        if not told:
            return []
        # The same order in every process, so that two planners wait for one another instead of deadlocking.
        ordered = sorted(told, key=attrgetter("user", "fold", "event.id"))
        opened = self._open(ordered)
        new = self._told_first(ordered, opened)
        groups = [(opened[key], list(group)) for key, group in groupby(new, key=attrgetter("user", "fold"))]
        self._count(groups)
        before = told_of(self._connection, [notification.id for notification, _ in groups if not notification.fresh])
        return [made for notification, group in groups for made in self._made(notification, group, before)]

    def _open(self, told: Sequence[Told]) -> dict[tuple[str, str], _Open]:
        rows = [self._row(next(group)) for _, group in groupby(told, key=attrgetter("user", "fold"))]
        self._lock(rows)
        opening = insert(self._connection, Notification).values(rows)
        # The touched row stays locked until the commit: whoever claims of it waits, and then sees what joined.
        found = self._connection.execute(
            opening.on_conflict_do_update(
                index_elements=["user_id", "fold"],
                index_where=Notification.ended_at.is_(None),
                set_={"changed_at": self._now},
            ).returning(
                Notification.id, Notification.user_id, Notification.fold, Notification.round, Notification.total
            )
        )
        fresh = {row["id"] for row in rows}
        return {(row.user_id, row.fold): _Open(row.id, row.round, row.total, row.id in fresh) for row in found}

    def _lock(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Lock those that are open, by their ids as whoever claims does, and end what is a day old."""
        query = (
            select(Notification.id, Notification.opened_at)
            .where(
                among(self._connection, Notification.user_id, sorted({row["user_id"] for row in rows})),
                among(self._connection, Notification.fold, sorted({row["fold"] for row in rows})),
                Notification.ended_at.is_(None),
            )
            .order_by(Notification.id)
        )
        found = self._connection.execute(locked_all(self._connection, query)).all()
        if old := [row.id for row in found if row.opened_at <= self._now - gathering.LONGEST]:
            self._connection.execute(update(Notification).where(Notification.id.in_(old)).values(ended_at=self._now))

    def _row(self, one: Told) -> dict[str, Any]:
        return {
            "id": new_id("ntf"),
            "user_id": one.user,
            "type": one.event.type,
            "fold": one.fold,
            "opened_at": self._now,
            "round": 1,
            "total": 0,
            "changed_at": self._now,
        }

    def _told_first(self, told: Sequence[Told], opened: Mapping[tuple[str, str], _Open]) -> list[Told]:
        """Those that were not told before: a plan made twice meets the key (event, person)."""
        rows = [
            {
                "event_id": one.event.id,
                "user_id": one.user,
                "notification_id": opened[one.user, one.fold].id,
                "round": opened[one.user, one.fold].round,
            }
            for one in told
        ]
        new = self._connection.execute(
            insert(self._connection, NotificationEvent)
            .values(rows)
            .on_conflict_do_nothing()
            .returning(NotificationEvent.event_id, NotificationEvent.user_id)
        )
        first = {(row.event_id, row.user_id) for row in new}
        return [one for one in told if (one.event.id, one.user) in first]

    def _count(self, groups: Sequence[tuple[_Open, Sequence[Told]]]) -> None:
        """Count what joined, and bring the notification to the top of the feed where it stands there."""
        for notification, group in groups:
            stands = any(plan.state == State.SENT for plan in group[0].plans)
            news: dict[str, Any] = {"feed_at": self._now, "seen_at": None} if stands else {}
            self._connection.execute(
                update(Notification)
                .where(Notification.id == notification.id)
                .values(total=Notification.total + len(group), **news)
            )

    def _made(
        self, notification: _Open, group: Sequence[Told], before: Mapping[str, Sequence[gathering.Told]]
    ) -> list[tuple[Told, Plan, str, int]]:
        first = group[0]
        found = gathering.joined(
            gathering.of_group([one.plans for one in group]),
            before.get(notification.id, ()),
            count=notification.total,
            added=len(group),
            late_at=first.late_at,
        )
        for delivery, due_at in found.hastened:
            self._hasten(delivery, due_at)
        return [(first, plan, notification.id, notification.round) for plan in found.new]

    def _hasten(self, delivery: str, due_at: datetime) -> None:
        self._connection.execute(
            update(Delivery)
            .where(Delivery.id == delivery, Delivery.state == State.WAITING, Delivery.due_at > due_at)
            .values(due_at=due_at, wanted_at=due_at, rule="gather", value="a milestone is reached")
        )


def told_of(connection: Connection, notifications: Sequence[str]) -> dict[str, list[gathering.Told]]:
    """The deliveries of each of these notifications, oldest first."""
    if not notifications:
        return {}
    rows = connection.execute(
        select(
            Delivery.id,
            Delivery.notification_id,
            Delivery.channel,
            Delivery.address_id,
            Delivery.state,
            Delivery.reason,
            Delivery.rule,
            DUE_AT.label("due_at"),
            Delivery.last_round,
        )
        .where(Delivery.notification_id.in_(notifications))
        .order_by(Delivery.notification_id, Delivery.id)
    )
    return {
        notification: [_told(row) for row in group]
        for notification, group in groupby(rows, key=attrgetter("notification_id"))
    }


def _told(row: AnyRow) -> gathering.Told:
    return gathering.Told(
        row.id,
        row.channel,
        row.address_id,
        State(row.state),
        Reason(row.reason) if row.reason else None,
        row.rule,
        open=row.state in (State.WAITING, State.QUEUED) and row.last_round is None,
        due_at=row.due_at,
    )
