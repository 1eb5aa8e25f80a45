"""Each migration on a database that was used: what was there is still there, and means the same."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, column, insert, select, table

from notifier.pipeline.plan import Planner, PlanSettings
from notifier.policy.catalogue import read_catalogue
from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.log import Log
from notifier.store.models import Base, Delivery, Event, Figure, Notification
from notifier.store.schema import migrate
from notifier.store.types import new_id
from tests.pipeline.line import CATALOGUE
from tests.store.past import Past

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
APP = new_id("app")


def store(connection: Connection, name: str, **values: Any) -> None:
    """A row as the version before stored it, with the types of today's columns."""
    types = {**Base.metadata.tables[name].c, "closed_at": Notification.ended_at, "closes_at": Notification.changed_at}
    old = table(name, *[column(key, types[key].type) for key in values])
    connection.execute(insert(old).values(**values))


def a_like(connection: Connection, actor: str, notification: str | None) -> str:
    """A like of Bob's post, planned where it has a notification."""
    event = new_id("evt")
    body = {"actor": {"id": actor}, "object": {"id": "post-7", "owner": "bob"}, "target": None}
    store(
        connection,
        "events",
        id=event,
        app_id=APP,
        key=event,
        body_hash=b"h" * 32,
        type="like.created",
        body=json.dumps(body).encode(),
        occurred_at=NOON,
        accepted_at=NOON,
        due_at=NOON,
        plan_cursor=1 if notification else 0,
        planned_at=NOON if notification else None,
    )
    if notification:
        store(connection, "notification_events", event_id=event, user_id="bob", notification_id=notification)
    return event


def a_notification(connection: Connection, closed_at: datetime | None) -> str:
    made = new_id("ntf")
    named = {"id": made, "user_id": "bob", "type": "like.created", "fold": "like:post-7"}
    store(connection, "notifications", **named, opened_at=NOON, closes_at=NOON, closed_at=closed_at)
    return made


def a_delivery(connection: Connection, notification: str, channel: str, state: State) -> str:
    made = new_id("dlv")
    store(
        connection,
        "deliveries",
        id=made,
        notification_id=notification,
        app_id=APP,
        user_id="bob",
        type="like.created",
        channel=channel,
        queue="default",
        state=state,
        wanted_at=NOON,
        tries=0,
        last_code="",
        created_at=NOON,
        due_at=NOON if state in (State.QUEUED, State.WAITING) else None,
    )
    store_tally(connection, channel)
    return made


def store_tally(connection: Connection, channel: str) -> None:
    day = new_id("x__")[-10:]
    store(connection, "tallies", day=day, channel=channel, planned=1)


def test_rules_find_what_was_told_before_them(empty: Database):
    migrate(empty, "0001")
    with empty.write() as connection:
        told, gathering = a_notification(connection, NOON), a_notification(connection, None)
        liked = [a_like(connection, actor, told) for actor in ("ana", "cara")]
        a_like(connection, "dan", gathering)
        waiting = a_like(connection, "eve", None)
        a_delivery(connection, told, "feed", State.SENT)
        a_delivery(connection, told, "email", State.QUEUED)
        a_delivery(connection, gathering, "push", State.WAITING)
    migrate(empty)
    with empty.read() as connection:
        things = {row.id: (row.actor, row.object, row.target) for row in connection.execute(select(Event))}
        assert things[liked[0]] == ("ana", "post-7", "")
        items = {row.id: row for row in connection.execute(select(Notification))}
        assert (items[told].ended_at, items[told].feed_at, items[told].total) == (NOON, NOON, 2)
        assert (items[gathering].ended_at, items[gathering].feed_at, items[gathering].total) == (NOON, None, 1)
        assert Log(connection).books().balanced
    planner = Planner(empty, read_catalogue(CATALOGUE.read_text()), PlanSettings(("feed",), ("push",), 1), lambda: NOON)
    list(planner.plan([waiting]))
    with empty.read() as connection:
        items_now = connection.execute(select(Notification.id, Notification.total)).all()
        assert sorted(total for _, total in items_now) == [1, 1, 2]  # the new like has an item of its own
        assert Log(connection).books().balanced


def test_what_was_there_before_figures_is_counted_purged_and_accounted_for(empty: Database):
    migrate(empty, "0001")
    with empty.write() as connection:
        told, waits = a_notification(connection, NOON), a_notification(connection, None)
        for actor in ("ana", "cara"):
            a_like(connection, actor, told)
        a_like(connection, "dan", waits)
        for channel, state in (("feed", State.SENT), ("email", State.FAILED)):
            a_delivery(connection, told, channel, state)
        waiting = a_delivery(connection, waits, "email", State.WAITING)
    migrate(empty)
    later = NOON + timedelta(days=3_650)
    past = Past(empty, now=later)
    assert past.books().balanced
    freed = past.purge(events=3_000)
    assert (freed.purged.deliveries, freed.purged.told, freed.purged.events) == (2, 2, 2)
    assert past.ids(Delivery) == {waiting}
    books = past.books()
    assert books.balanced
    assert (books.accepted, books.channels["feed"].delivered, books.channels["email"].failed) == (3, 1, 1)
    assert past.rows(Figure) == 2
