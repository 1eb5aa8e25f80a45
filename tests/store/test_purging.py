"""What goes, what stays, and that the books balance in every case."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from notifier.policy.words import Reason, State
from notifier.store.admins import Admins, Role
from notifier.store.database import Database
from notifier.store.models import (
    Attempt,
    Audit,
    Delivery,
    Digest,
    Event,
    Figure,
    Job,
    Notification,
    NotificationEvent,
)
from notifier.store.outbox import Outbox
from tests.store.past import NOW, Past, ago, id_of, store_delivery

KEPT = {
    "sent": (("email", State.SENT), "deliveries", 30),
    "cancelled": (("email", State.CANCELLED, Reason.READ), "deliveries", 30),
    "failed": (("email", State.FAILED, Reason.REFUSED), "failed", 90),
    "bounced": (("email", State.BOUNCED), "failed", 90),
    "skipped": (("push", State.SKIPPED, Reason.NO_ADDRESS), "skipped", 14),
    "standing": (("feed", State.SENT), "feed", 90),
    "skipped in the feed": (("feed", State.SKIPPED, Reason.PREFERENCE_OFF), "skipped", 14),
}


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


@pytest.mark.parametrize("name", KEPT)
def test_a_delivery_goes_when_its_time_has_come_and_not_before(past: Past, name: str):
    outcome, _, days = KEPT[name]
    [old] = past.told(ago(days + 0.01), outcome)
    [young] = past.told(ago(days - 0.01), outcome)
    freed = past.purge()
    assert past.ids(Delivery) == {young}
    assert (freed.purged.deliveries, freed.purged.notifications, freed.purged.told) == (1, 1, 1)
    assert past.books().balanced
    assert old not in past.ids(Delivery)


@pytest.mark.parametrize("name", KEPT)
def test_each_time_can_be_set_and_nought_is_for_ever(past: Past, name: str):
    outcome, setting, _ = KEPT[name]
    [kept] = past.told(ago(900), outcome)
    past.purge(**{setting: 0})
    assert past.ids(Delivery) == {kept}
    past.purge(**{setting: 901})
    assert past.ids(Delivery) == {kept}
    past.purge(**{setting: 899})
    assert past.ids(Delivery) == set()
    assert past.books().balanced


@pytest.mark.parametrize("state", [State.WAITING, State.QUEUED, State.SENDING])
def test_what_is_unfinished_never_goes(past: Past, state: State):
    past.told(ago(900), ("email", state), tries=3)
    event = past.event(ago(900), planned_at=None, change=None)
    freed = past.purge()
    assert freed.purged.rows == 0
    assert event in past.ids(Event)
    assert past.rows(Attempt) == 3


def test_what_was_planned_early_and_sent_late_is_kept_from_then_on(past: Past):
    past.told(ago(40), ("email", State.SENT), sent_at=ago(29))
    past.told(ago(40), ("email", State.CANCELLED, Reason.READ), wanted_at=ago(29))
    assert past.purge().purged.deliveries == 0


def test_an_item_that_got_news_stays_in_the_feed_from_then_on(past: Past):
    past.told(ago(91), ("feed", State.SENT))
    with past.database.write() as connection:
        connection.execute(update(Notification).values(feed_at=ago(89)))
    assert past.purge().purged.deliveries == 0


def test_an_item_leaves_the_feed_with_its_delivery_though_others_stay(past: Past):
    past.told(ago(91), ("feed", State.SENT), ("email", State.FAILED, Reason.REFUSED))
    past.purge(failed=0)
    with past.database.read() as connection:
        assert connection.scalars(select(Notification.feed_at)).all() == [None]
        assert connection.scalars(select(Delivery.channel)).all() == ["email"]


def test_a_notification_and_who_was_told_go_with_the_last_delivery(past: Past):
    past.told(ago(40), ("email", State.SENT), ("push", State.SKIPPED, Reason.NO_ADDRESS), ("feed", State.SENT))
    assert past.purge().purged.deliveries == 2
    assert (past.rows(Notification), past.rows(NotificationEvent)) == (1, 1)
    past.now = NOW.replace(year=2027)
    assert past.purge().purged.deliveries == 1
    assert (past.rows(Notification), past.rows(NotificationEvent), past.rows(Event)) == (0, 0, 0)
    assert past.books().balanced
    assert past.books().accepted == 1


def test_a_carrier_and_the_one_that_was_sent_again_stay_as_long_as_those_that_name_them(past: Past):
    [carrier] = past.told(ago(50), ("email", State.SENT))
    [carried] = past.told(ago(50), ("email", State.FAILED, Reason.REFUSED), carried_by=carrier)
    [failed] = past.told(ago(100), ("email", State.FAILED, Reason.REFUSED))
    with past.database.write() as connection:
        notification = connection.scalar(select(Delivery.notification_id).where(Delivery.id == failed))
        again = store_delivery(connection, ago(20), notification, "bob", "email", State.SENT, retry_of=failed)
    past.purge()
    assert past.ids(Delivery) == {carrier, carried, failed, again}
    past.now = NOW.replace(year=2027)
    past.purge()
    assert past.ids(Delivery) == set()


def test_tries_go_with_their_delivery_or_by_their_own_time(past: Past):
    [failed] = past.told(ago(60), ("email", State.FAILED, Reason.REFUSED, 2))
    past.told(ago(100), ("email", State.FAILED, Reason.REFUSED, 3))
    past.told(ago(20), ("email", State.SENT, None, 4))
    assert past.purge(attempts=365).purged.attempts == 3
    assert past.purge(attempts=30).purged.attempts == 2
    assert failed in past.ids(Delivery)
    assert past.rows(Attempt) == 4


def test_an_event_stays_as_long_as_anything_tells_of_it(past: Past):
    past.told(ago(100), ("email", State.FAILED, Reason.REFUSED))
    lonely = past.event(ago(100))
    past.purge(failed=0)
    assert lonely in past.ids(Event)  # events are kept as long as what could tell of them: here for ever
    past.purge(failed=120)
    assert lonely in past.ids(Event)
    past.purge(failed=95)
    assert past.rows(Event) == 0
    assert past.books().balanced


def body(past: Past, event: str) -> dict[str, object]:
    with past.database.read() as connection:
        return json.loads(connection.scalar(select(Event.body).where(Event.id == event)))


IDS = {"actor": {"id": "ana"}, "object": {"id": "c-1", "type": "comment"}}
IDS |= {"target": {"id": "p-1", "type": "post", "owner": "bob"}}


def test_the_content_of_an_event_goes_before_the_event_and_its_ids_stay(past: Past):
    old, young = past.event(ago(31)), past.event(ago(29))
    assert past.purge().purged.bodies == 1
    assert body(past, old) == IDS
    assert body(past, young)["mood"] == "bright"
    past.now = NOW.replace(day=25)
    assert past.purge().purged.bodies == 1
    assert body(past, young) == IDS
    assert past.purge().purged.bodies == 0


@pytest.mark.parametrize(
    ("outcome", "goes"),
    [
        (("feed", State.SENT), False),
        (("email", State.WAITING), False),
        (("email", State.FAILED, Reason.REFUSED), False),
        (("email", State.SENT), True),
        (("email", State.BOUNCED), True),
    ],
    ids=str,
)
def test_content_stays_while_the_feed_shows_it_or_it_may_be_sent(past: Past, outcome: tuple[object], goes: bool):
    past.told(ago(31), outcome)
    [event] = past.ids(Event)
    past.purge(deliveries=60)
    assert (body(past, event) == IDS) is goes


def test_content_that_was_needed_when_its_time_came_goes_with_what_needed_it(past: Past):
    past.told(ago(60), ("email", State.FAILED, Reason.REFUSED))
    [event] = past.ids(Event)
    past.purge()
    assert body(past, event) != IDS
    assert past.purge(failed=50).purged.bodies == 1
    assert body(past, event) == IDS


def test_digests_go_when_nothing_of_them_is_on_its_way(past: Past):
    def digest(at: float, state: str, period: str, ended: float | None) -> str:
        made = id_of("dig", ago(at))
        row = {"id": made, "user_id": "bob", "channel": "email", "cadence": "daily", "period": period, "state": state}
        times = {"opened_at": ago(at), "wanted_at": ago(at), "ended_at": None if ended is None else ago(ended)}
        with past.database.write() as connection:
            connection.execute(insert(Digest).values(row | times))
        return made

    digest(100, "built", "a", 99)
    open_ = digest(100, "open", "b", None)
    sending = digest(100, "built", "c", 99)
    young = digest(100, "built", "d", 89)
    past.told(ago(100), ("email", State.SENDING), digest_id=sending)
    assert past.purge().purged.digests == 1
    assert past.ids(Digest) == {open_, sending, young}


def test_jobs_go_when_they_are_over_for_as_long_as_what_failed_is_kept(past: Past):
    def job(at: float, ended: float | None) -> str:
        made = id_of("job", ago(at))
        row = {"id": made, "act": "retry", "wanted": b"{}", "who": "ada", "state": "done" if ended else "running"}
        times = {"created_at": ago(at), "due_at": ago(at), "ended_at": ago(ended) if ended else None}
        with past.database.write() as connection:
            row |= {"expected": 1, "done": 1, "place": None, "upto": id_of("dlv", ago(at))}
            connection.execute(insert(Job).values(row | times))
        return made

    job(100, 99)
    runs, young = job(100, None), job(100, 89)
    assert past.purger.prospect().jobs == 1
    assert past.purge().purged.jobs == 1
    assert past.ids(Job) == {runs, young}


def test_figures_stay_for_good(past: Past):
    past.told(ago(100), ("email", State.SENT), ("feed", State.SENT))
    past.told(ago(100), ("email", State.FAILED, Reason.REFUSED))
    past.roll_up()
    before = figures(past)
    past.purge()
    assert past.rows(Delivery) == 0
    assert (
        figures(past)
        == before
        == {("email", "failed", "refused"): 1, ("email", "sent", ""): 1, ("feed", "sent", ""): 1}
    )
    past.told(ago(100), ("push", State.SENT))
    past.roll_up()
    assert figures(past) == before | {("push", "sent", ""): 1}


def figures(past: Past) -> dict[tuple[str, str, str], int]:
    with past.database.read() as connection:
        rows = connection.execute(select(Figure.channel, Figure.state, Figure.reason, Figure.counted))
        return {(channel, state, reason): counted for channel, state, reason, counted in rows}


def test_what_has_too_much_for_one_transaction_goes_in_several(past: Past, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notifier.store.purging.MOST", 7)
    past.told(ago(100), ("email", State.SENT, None, 9), ("feed", State.SENT), events=40)
    past.told(ago(100), ("email", State.SENT), events=3)
    freed = past.purge()
    assert [past.rows(table) for table in (Delivery, Notification, NotificationEvent, Attempt)] == [0, 0, 0, 0]
    assert (freed.purged.told, freed.purged.attempts) == (43, 9)
    assert past.books().balanced


def test_a_dry_run_says_what_goes_and_changes_nothing(past: Past):
    for days in (10, 20, 40, 60, 100):
        for outcome, _, _ in KEPT.values():
            past.told(ago(days), (*outcome, None, 2)[:4] if len(outcome) == 2 else (*outcome, 2))
        past.told(ago(days), ("feed", State.SENT), ("email", State.SENT))
        past.event(ago(days))
    before = past.rows(Delivery), past.rows(Event), past.rows(Attempt)
    prospect = past.purger.prospect()
    assert (past.rows(Delivery), past.rows(Event), past.rows(Attempt)) == before
    assert past.purge().purged == prospect
    assert past.purger.prospect().rows == 0


def test_old_records_of_operators_unused_links_and_pauses_go(past: Past):
    with past.database.write() as connection:
        admins = Admins(connection)
        for at in (ago(366), ago(364)):
            connection.execute(insert(Audit).values(id=id_of("aud", at), at=at, who="cli", action="test", subject="x"))
        account = admins.save("a@b.example", Role.OWNER, NOW)
        admins.link(account.id, NOW - timedelta(hours=1))
        admins.link(account.id, NOW)
        Outbox(connection).pause("old", ago(2), "")
        Outbox(connection).pause("new", ago(0.5), "")
    freed = past.purge()
    assert (freed.purged.audit, freed.purged.links, freed.purged.pauses) == (1, 1, 1)
