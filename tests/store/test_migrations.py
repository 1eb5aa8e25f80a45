"""Each migration on a database that was used: what was there is still there, and means the same."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, column, insert, select, table, update

from notifier.pipeline.digests import DigestBuilder
from notifier.pipeline.plan import Planner, PlanSettings
from notifier.pipeline.pulse import Pulse
from notifier.policy.catalogue import read_catalogue
from notifier.policy.choices import PAUSED_UNTIL, QUIET_HOURS, Author
from notifier.policy.words import Reason, State
from notifier.store.admins import Admins, digest
from notifier.store.apps import Apps
from notifier.store.assets import Assets
from notifier.store.books import count_books
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.dead import Cause, DeadLetters
from notifier.store.directory import Directory
from notifier.store.events import EventFilter, Events
from notifier.store.jobs import Jobs
from notifier.store.log import Log
from notifier.store.models import Address, Admin, Base, Delivery, Digest, Event, Figure, Notification
from notifier.store.pausing import Pauses
from notifier.store.people import People
from notifier.store.pictures import Pictures
from notifier.store.recent import RecentFigures, slot_of
from notifier.store.renditions import Renditions
from notifier.store.schema import migrate
from notifier.store.suppressions import Sought, Suppressions
from notifier.store.types import Utc, new_id
from tests.pipeline.line import CATALOGUE
from tests.store.past import Past

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
APP = new_id("app")


def store(connection: Connection, table_name: str, /, **values: Any) -> None:
    """A row as the version before stored it, with the types of today's columns."""
    types = {
        **Base.metadata.tables[table_name].c,
        "closed_at": Notification.ended_at,
        "closes_at": Notification.changed_at,
    }
    old = table(table_name, *[column(key, types[key].type) for key in values])
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
        assert count_books(connection).balanced
    planner = Planner(empty, read_catalogue(CATALOGUE.read_text()), PlanSettings(("feed",), ("push",), 1), lambda: NOON)
    list(planner.plan([waiting]))
    with empty.read() as connection:
        items_now = connection.execute(select(Notification.id, Notification.total)).all()
        assert sorted(total for _, total in items_now) == [1, 1, 2]  # the new like has an item of its own
        assert count_books(connection).balanced


def test_what_waited_for_a_digest_belongs_to_one_and_is_told_in_it(empty: Database):
    migrate(empty, "0002")
    monday, tuesday = datetime(2026, 11, 23, 7, tzinfo=UTC), datetime(2026, 11, 24, 7, tzinfo=UTC)
    with empty.write() as connection:
        profile = {"name": "Bob", "locale": "en", "timezone": "Europe/Berlin", "created_at": NOON, "updated_at": NOON}
        store(connection, "users", id="bob", **profile)
        likes = [a_digest_item(connection, value, due_at) for value, due_at in (
            ("daily 08:00 Europe/Berlin", monday), ("daily 08:00 Europe/Berlin", tuesday),
            ("weekly Monday 08:00 Europe/Berlin", monday), ("hourly", NOON), ("3 an hour", monday),
        )]  # fmt: skip
        sent = a_digest_item(connection, "daily 08:00 Europe/Berlin", monday, State.SENT)
    migrate(empty)
    with empty.read() as connection:
        digests = {row.cadence: row for row in connection.execute(select(Digest))}
        items = {row.id: row for row in connection.execute(select(Delivery))}
    periods = {cadence: (row.period, row.state, row.due_at) for cadence, row in digests.items()}
    assert periods == {
        "daily": ("2026-11-23", "open", monday),
        "weekly": ("2026-11-23", "open", monday),
        "hourly": ("2026-11-21T12:00", "open", NOON),
    }
    waits = ["daily", "daily", "weekly", "hourly", "daily"]
    assert [items[like].digest_id for like in likes] == [digests[cadence].id for cadence in waits]
    assert {items[like].due_at for like in likes} == {None}
    assert (items[sent].digest_id, items[sent].state) == (None, State.SENT)
    builder = DigestBuilder(empty, read_catalogue(CATALOGUE.read_text()), ("email", "push"), ("push",), lambda: tuesday)
    assert len(builder.build([one for ids in builder.due() for one in ids])) == 3


def a_digest_item(connection: Connection, value: str, due_at: datetime, state: State = State.WAITING) -> str:
    """A like that waits for a digest, as the version before kept it, or was told in one."""
    made, notification = new_id("dlv"), new_id("ntf")
    event = a_like(connection, "ana", None)
    store(connection, "notification_events", event_id=event, user_id="bob", notification_id=notification)
    times = {"opened_at": NOON, "changed_at": NOON, "ended_at": NOON}
    store(connection, "notifications", id=notification, user_id="bob", type="like.created", fold="", **times)
    waits = state == State.WAITING
    store(
        connection,
        "deliveries",
        id=made,
        notification_id=notification,
        app_id=APP,
        user_id="bob",
        type="like.created",
        channel="email",
        address_id=the_mailbox(connection),
        queue="digest",
        state=state,
        reason=Reason.DIGEST if waits else None,
        rule="digest",
        value=value,
        wanted_at=due_at,
        due_at=due_at if waits else None,
        tries=0,
        last_code="",
        created_at=NOON,
    )
    return made


def the_mailbox(connection: Connection) -> str:
    """Bob's one mailbox."""
    found = connection.scalar(select(Address.id).where(Address.user_id == "bob"))
    if found is None:
        People(connection).set_mailbox("bob", "bob@app.example", NOON)
    return found or the_mailbox(connection)


def test_an_event_from_before_announcements_is_for_those_whom_it_names(empty: Database):
    migrate(empty, "0005")
    with empty.write() as connection:
        named = {"id": "cara", "name": "", "locale": "en", "timezone": "UTC"}
        columns = [*map(column, named), column("created_at", Utc()), column("updated_at", Utc())]
        someone = insert(table("users", *columns)).values(named | {"created_at": NOON, "updated_at": NOON})
        connection.execute(someone)
        liked = a_like(connection, "ana", None)
    migrate(empty)
    with empty.read() as connection:
        row = connection.execute(select(Event).where(Event.id == liked)).one()
        assert (row.everyone, row.wall_at, row.wave_at) == (False, "", None)
    planner = Planner(empty, read_catalogue(CATALOGUE.read_text()), PlanSettings(("feed",), ("push",), 1), lambda: NOON)
    list(planner.plan([liked]))
    with empty.read() as connection:
        assert connection.scalars(select(Notification.user_id)).all() == ["bob"]
        assert count_books(connection).balanced


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


def test_what_a_provider_had_paused_before_queues_could_be_is_not_taken_for_a_paused_queue(empty: Database):
    migrate(empty, "0007")
    with empty.write() as connection:
        told = new_id("ntf")
        named = {"id": told, "user_id": "bob", "type": "like.created", "fold": "like:post-7"}
        store(connection, "notifications", **named, opened_at=NOON, changed_at=NOON, round=1, total=1)
        waits = a_delivery(connection, told, "email", State.WAITING)
        connection.execute(
            update(Delivery).where(Delivery.id == waits).values(reason=Reason.PAUSED, due_at=NOON, queue="default")
        )
    migrate(empty)
    with empty.write() as connection:
        assert Pauses(connection).held("default") == []
        assert Pauses(connection).all() == {}
        entry = Log(connection).delivery(waits)
    assert entry
    assert (entry.state, entry.reason, entry.due_at) == (State.WAITING, Reason.PAUSED, NOON)


def test_people_from_before_are_found_by_their_address_and_what_is_gone_is_listed(empty: Database):
    migrate(empty, "0007")
    later = NOON + timedelta(hours=1)
    with empty.write() as connection:
        for user, at in (("ben", NOON), ("ana", later)):
            People(connection).save(user, {"name": user.title()}, at)
            People(connection).set_mailbox(user, "both@app.example", at)
        People(connection).drop_mailbox("ben", later)
        People(connection).set_mailbox("ben", "ben@app.example", later)
        gone = Address.user_id == "ana"
        connection.execute(update(Address).where(gone).values(gone_at=later, gone_why="550 unknown"))
    migrate(empty)
    with empty.read() as connection:
        directory = Directory(connection)
        assert [one.id for one in directory.newest(10)] == ["ana", "ben"]
        assert [one.id for one in directory.by_mailbox("ben@app.example", 10)] == ["ben"]
        assert [one.id for one in directory.by_mailbox("both@app.example", 10)] == ["ana"]
        assert [(one.user, one.gone_why) for one in Suppressions(connection).page(Sought(), 10).contacts] == [
            ("ana", "550 unknown")
        ]


def test_keys_and_events_from_before_doors_were_recorded_work_as_they_did(empty: Database):
    migrate(empty, "0007")
    with empty.write() as connection:
        store(connection, "apps", id=APP, name="web", created_at=NOON)
        key = {"kind": "key", "value": sha256(b"nk_old").hexdigest(), "scopes": "events log", "hint": "nk_old"}
        store(connection, "app_secrets", id=new_id("sec"), app_id=APP, **key, created_at=NOON)
        liked = a_like(connection, "ana", None)
    migrate(empty)
    with empty.write() as connection:
        found = Apps(connection).by_key("nk_old", NOON)
        assert found is not None
        assert (found.app, found.scopes) == (APP, {"events", "log"})
        [credential] = Apps(connection).credentials(APP)
        assert credential.last_used_at is None
        Apps(connection).used(found.credential, NOON)
        assert Apps(connection).credentials(APP)[0].last_used_at == NOON
        event = Events(connection).find(liked)
        assert event is not None
        assert event.door == ""
        assert [row.id for row in Events(connection).page(EventFilter(), 5).rows] == [liked]


def test_admins_from_before_passwords_come_in_by_a_link_whichever_way_their_address_was_written(empty: Database):
    migrate(empty, "0007")
    kept = {"role": "owner", "created_at": NOON}
    with empty.write() as connection:
        for email in ("Ann@App.example", "Ben@app.example", "ben@app.example"):
            store(connection, "admins", id=new_id("adm"), email=email, **kept)
        ann = connection.scalar(select(Admin.id).where(Admin.email == "Ann@App.example"))
        link = {"token_hash": digest("waiting"), "admin_id": ann, "expires_at": NOON + timedelta(minutes=15)}
        store(connection, "login_links", **link)
    migrate(empty)
    with empty.write() as connection:
        admins = Admins(connection)
        emails = {one.account.email for one in admins.all()}
        assert emails == {"Ben@app.example", "ann@app.example", "ben@app.example"}
        assert not any(one.has_password or one.has_totp for one in admins.all())
        entered = admins.enter("waiting", NOON)
    assert entered
    assert (entered.account.id, entered.asks) == (ann, False)


def test_posts_from_before_media_show_nothing_and_new_ones_do(empty: Database):
    migrate(empty, "0015")
    shows = {"actor": {"id": "ana"}, "object": {"id": "post-7", "media": ["a.jpg", {"url": 7}]}, "to": ["bob"]}
    with empty.write() as connection:
        row = {"id": new_id("evt"), "app_id": APP, "key": "k", "body_hash": b"h" * 32, "type": "post.created"}
        times = {"occurred_at": NOON, "accepted_at": NOON, "due_at": NOON}
        store(
            connection,
            "events",
            **row,
            **times,
            body=json.dumps(shows).encode(),
            object="post-7",
            actor="ana",
            plan_cursor=0,
        )
    migrate(empty)
    planner = Planner(empty, read_catalogue(CATALOGUE.read_text()), PlanSettings(("feed",), ("push",), 1), lambda: NOON)
    list(planner.plan([str(row["id"])]))
    with empty.write() as connection:
        assert connection.scalars(select(Notification.user_id)).all() == ["bob"]
        assert Pictures(connection).first([str(row["id"])]) == {}
        assert Assets(connection).latest(5) == []
        assert Assets(connection).add_url(APP, "https://app.example/a.jpg", NOON)
        assert len(Renditions(connection).due(NOON, 5)) == 1


def test_what_failed_before_the_log_was_shown_is_among_the_dead_letters_and_in_the_recent_figures(empty: Database):
    migrate(empty, "0007")
    with empty.write() as connection:
        notification = new_id("ntf")
        failed = a_delivery(connection, notification, "email", State.FAILED)
        a_delivery(connection, notification, "feed", State.SENT)
    with empty.write() as connection:
        connection.execute(update(Delivery).where(Delivery.id == failed).values(reason=Reason.REFUSED, last_code="550"))
    migrate(empty)
    Pulse(empty, lambda: datetime.now(UTC)).beat()
    with empty.read() as connection:
        [group] = DeadLetters(connection).groups()
        assert (group.cause, group.last) == (Cause("email", Reason.REFUSED, "550"), failed)
        recent = RecentFigures(connection).since(slot_of(datetime.now(UTC) - timedelta(hours=1)), 10)
        assert {(one.channel, one.state): one.count for one in recent} == {("email", "failed"): 1, ("feed", "sent"): 1}
        assert Jobs(connection).latest(5) == []


def test_figures_from_before_there_were_those_of_hours_are_summed(empty: Database):
    migrate(empty, "0012")
    with empty.write() as connection:
        for slot, count in (("2026-11-20T11:55", 1), ("2026-11-20T12:00", 2), ("2026-11-20T12:55", 3)):
            counted = {"channel": "email", "state": "sent", "pace": 1, "counted": count}
            store(connection, "recent_figures", slot=slot, **counted)
    migrate(empty)
    with empty.read() as connection:
        figures = RecentFigures(connection)
        assert [one.count for one in figures.since("2026-11-20T11:00", 10)] == [1, 5]
        assert sum(one.count for one in figures.since("2026-11-20T12:05", 13)) == 3


def test_nobody_who_was_there_before_pauses_has_one(empty: Database):
    migrate(empty, "0013")
    with empty.write() as connection:
        named = {
            "id": "cara",
            "name": "Cara",
            "locale": "en",
            "timezone": "UTC",
            "quiet_start": "22:00",
            "quiet_end": "07:00",
        }
        store(connection, "users", **named, created_at=NOON, updated_at=NOON)
    migrate(empty)
    with empty.write() as connection:
        assert Choices(connection).of(["cara"]) == {"cara": {QUIET_HOURS: "22:00–07:00"}}
        paused = Choices(connection).change(
            {"cara": {PAUSED_UNTIL: "2026-11-28T12:00:00.000Z"}}, Author("person", "page"), NOON
        )
        assert Choices(connection).of(["cara"]) == paused
