"""Rows of long ago, as they would stand if the service had run then: their ids tell the time as their columns do."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from notifier.pipeline.purge import Freed, Pace, Purger
from notifier.pipeline.rollup import RolledUp, Roller
from notifier.policy.retention import Retention
from notifier.policy.words import FINAL, Reason, State
from notifier.store import changes
from notifier.store.books import Books, count_books
from notifier.store.database import Database
from notifier.store.models import (
    App,
    Attempt,
    Base,
    Delivery,
    Event,
    Notification,
    NotificationEvent,
)
from notifier.store.planning import tally
from notifier.store.types import id_at, new_id

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
APP = new_id("app")
STANDING = ("feed",)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def id_of(prefix: str, at: datetime) -> str:
    """A new id as if it had been made at that moment."""
    return id_at(prefix, at)[:16] + new_id(prefix)[16:]


@dataclass
class Past:
    """A database with a past, and a purge at some moment of it."""

    database: Database
    retention: Retention = field(default_factory=Retention)
    now: datetime = NOW

    def __post_init__(self) -> None:
        with self.database.write() as connection:
            row = {"id": APP, "name": "test", "lenient": False, "created_at": ago(1_000)}
            if connection.scalar(select(App.id).where(App.id == APP)) is None:
                connection.execute(insert(App).values(row))

    @property
    def roller(self) -> Roller:
        return Roller(self.database)

    @property
    def purger(self) -> Purger:
        return Purger(self.database, self.retention, self.roller, STANDING, lambda: self.now, Pace(rests=0))

    def roll_up(self) -> RolledUp:
        return self.roller.roll_up()

    def purge(self, **days: int) -> Freed:
        if days:
            self.retention = Retention(**days)
        return self.purger.purge()

    def event(self, at: datetime, recipients: int = 0, **more: Any) -> str:
        """An event of that moment, planned for so many people."""
        with self.database.write() as connection:
            return store_event(connection, at, recipients, **more)

    def told(
        self, at: datetime, *outcomes: tuple[Any, ...], user: str = "bob", events: int = 1, **more: Any
    ) -> list[str]:
        """Events of that moment, told to a person by deliveries (channel, state, …); the ids of these."""
        with self.database.write() as connection:
            return store_told(connection, at, outcomes, user=user, events=events, **more)

    def event_of(self, delivery: str) -> str:
        """An event that this delivery tells of."""
        with self.database.read() as connection:
            its = select(Delivery.notification_id).where(Delivery.id == delivery).scalar_subquery()
            told = select(NotificationEvent.event_id).where(NotificationEvent.notification_id == its)
            return connection.scalars(told.limit(1)).one()

    def books(self) -> Books:
        with self.database.read() as connection:
            return count_books(connection)

    def rows(self, table: type[Base]) -> int:
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def ids(self, table: Any) -> set[str]:
        with self.database.read() as connection:
            return set(connection.scalars(select(table.id)))


def store_event(connection: Connection, at: datetime, recipients: int = 0, **more: Any) -> str:
    made = more.pop("id", None) or id_of("evt", at)
    body = {
        "actor": {"id": "ana", "name": "Ana"},
        "object": {"id": "c-1", "type": "comment", "content": "What a sky!"},
        "target": {"id": "p-1", "type": "post", "name": "Sunset", "owner": "bob"},
        "mood": "bright",
    }
    row = {
        "id": made, "app_id": APP, "key": made, "body_hash": b"h" * 32, "type": "comment.created", "actor": "ana",
        "object": "c-1", "target": "p-1", "body": json.dumps(body).encode(), "occurred_at": at, "accepted_at": at,
        "due_at": at, "plan_cursor": recipients, "planned_at": at, "change": changes.number(connection),
    }  # fmt: skip
    connection.execute(insert(Event).values(row | more))
    return made


def store_told(
    connection: Connection, at: datetime, outcomes: tuple[tuple[Any, ...], ...], *, user: str, events: int, **more: Any
) -> list[str]:
    notification = id_of("ntf", at)
    for _ in range(events):
        event = store_event(connection, at, 1)
        told = {"event_id": event, "user_id": user, "notification_id": notification, "round": 1}
        connection.execute(insert(NotificationEvent).values(told))
    stands = any(channel in STANDING and state == State.SENT for channel, state, *_ in outcomes)
    connection.execute(
        insert(Notification).values(
            id=notification, user_id=user, type="comment.created", fold="", opened_at=at, ended_at=at, round=1,
            total=events, feed_at=at if stands else None, changed_at=at,
        )
    )  # fmt: skip
    return [store_delivery(connection, at, notification, user, *outcome, **more) for outcome in outcomes]


def store_delivery(
    connection: Connection,
    at: datetime,
    notification: str,
    user: str,
    channel: str,
    state: State,
    reason: Reason | None = None,
    tries: int = 0,
    **more: Any,
) -> str:
    made, sent = id_of("dlv", at), state in (State.SENT, State.BOUNCED)
    row = {
        "id": made, "notification_id": notification, "app_id": APP, "user_id": user, "type": "comment.created",
        "channel": channel, "queue": "default", "state": state, "reason": reason, "wanted_at": at, "tries": tries,
        "last_code": "", "created_at": at, "sent_at": at if sent else None, "first_round": 1, "last_round": 1,
        "due_at": None if state in FINAL else at,
        "change": changes.number(connection) if state in FINAL else None,
    }  # fmt: skip
    connection.execute(insert(Delivery).values(row | more))
    for _ in range(tries):
        attempt = {"delivery_id": made, "started_at": at, "ms": 1, "outcome": "Delivered", "code": "250", "text": "ok"}
        connection.execute(insert(Attempt).values(attempt | {"id": id_of("att", at), "worker": "w"}))
    tally(connection, [channel], at)
    return made


def end(connection: Connection, delivery: str, state: State, reason: Reason | None, at: datetime) -> None:
    """Let a delivery come to an end, as whoever sends does."""
    sent = {"sent_at": at} if state == State.SENT else {}
    number = changes.number(connection)
    ended = update(Delivery).where(Delivery.id == delivery)
    connection.execute(ended.values(state=state, reason=reason, due_at=None, change=number, **sent))
