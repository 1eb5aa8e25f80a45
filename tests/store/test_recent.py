"""The figures of the last days: as if every row were counted each time, without doing so."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from notifier.pipeline.pulse import Pulse, is_stale
from notifier.policy.pace import SPANS, quantile, within
from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.models import Delivery, Event, RecentFigure
from notifier.store.recent import ACCEPTED, Look, RecentFigures, slot_of, start_of
from notifier.store.snapshots import Snapshots
from tests.pipeline.line import until_somebody_waits
from tests.store.past import NOW, Past, ago, end


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


def beat(past: Past) -> str:
    return Pulse(past.database, lambda: past.now).beat()


def looked(past: Past) -> Look:
    with past.database.read() as connection:
        return RecentFigures(connection).look(past.now)


def found(past: Past) -> Counter[tuple[str, str]]:
    """How many stand where, of the last seven days: by five minutes and by the hour, which say the same."""
    slot = slot_of(NOW - timedelta(days=7, minutes=-20))
    with past.database.read() as connection:
        shown = [RecentFigures(connection).since(slot, length) for length in (16, 10)]
    fine, coarse = (Counter[tuple[str, str]]() for _ in shown)
    for counts, figures in zip((fine, coarse), shown, strict=True):
        for one in figures:
            counts[one.channel, one.state] += one.count
    assert fine == coarse
    return fine


def test_a_slot_is_five_minutes():
    assert slot_of(NOW + timedelta(minutes=9, seconds=59)) == "2026-11-21T12:05"
    assert start_of("2026-11-21T12:05") == NOW + timedelta(minutes=5)


def test_every_end_and_every_event_is_counted_once_however_often_it_is_looked(past: Past):
    past.told(ago(2), ("email", State.SENT, None, 1), ("push", State.SKIPPED, Reason.NO_ADDRESS))
    past.told(ago(0.001), ("email", State.WAITING), ("feed", State.SENT))
    expected = {
        ("email", "sent"): 1,
        ("push", "skipped"): 1,
        ("email", "waiting"): 1,
        ("feed", "sent"): 1,
        ("", ACCEPTED): 2,
    }
    for _ in range(3):
        beat(past)
        assert found(past) == expected


def test_an_older_look_that_is_kept_at_the_same_moment_undoes_no_newer_one(past: Past):
    if past.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    [delivery] = past.told(ago(3), ("email", State.WAITING))
    older = looked(past)
    with past.database.write() as connection:
        end(connection, delivery, State.SENT, None, NOW)
    newer = looked(past)
    with ThreadPoolExecutor(1) as pool:
        with past.database.write() as connection:
            RecentFigures(connection).store(newer, NOW)
            late = pool.submit(past.database.transact, lambda tx: RecentFigures(tx).store(older, NOW))
            until_somebody_waits(past.database)
        late.result()
    beat(past)
    assert found(past)["email", "sent"] == 1


def test_what_comes_to_its_end_later_leaves_where_it_stood(past: Past):
    [delivery] = past.told(ago(3), ("email", State.WAITING))
    beat(past)
    assert found(past)["email", "waiting"] == 1
    for state, reason in ((State.SENT, None), (State.BOUNCED, None)):
        with past.database.write() as connection:
            end(connection, delivery, state, reason, NOW)
        beat(past)
        assert {key: count for key, count in found(past).items() if key[0]} == {("email", str(state)): 1}


def test_an_older_look_does_not_take_the_place_of_a_newer_one(past: Past):
    [delivery] = past.told(ago(1), ("email", State.WAITING))
    older = looked(past)
    with past.database.write() as connection:
        end(connection, delivery, State.FAILED, Reason.REFUSED, NOW)
    beat(past)
    with past.database.write() as connection:
        RecentFigures(connection).store(older, NOW)
    assert found(past)["email", "failed"] == 1


def test_what_is_older_than_the_windows_is_forgotten(past: Past):
    past.told(ago(6), ("email", State.SENT, None, 1))
    beat(past)
    past.now = NOW + timedelta(days=3)
    beat(past)
    with past.database.read() as connection:
        assert connection.execute(select(RecentFigure)).all() == []


@pytest.mark.parametrize(
    ("waits", "sent", "seconds"),
    [
        (timedelta(0), timedelta(seconds=4), 4.0),  # from the event on
        (timedelta(hours=2), timedelta(hours=2, seconds=4), 4.0),  # what waited on purpose: from its hour on
        (timedelta(0), timedelta(minutes=4), 240.0),
    ],
)
def test_the_pace_is_from_the_event_or_the_hour_that_was_meant(
    past: Past, waits: timedelta, sent: timedelta, seconds: float
):
    at = ago(1)
    [delivery] = past.told(at, ("email", State.SENT, None, 1), ("feed", State.SENT))[:1]
    with past.database.write() as connection:
        connection.execute(
            update(Delivery)
            .where(Delivery.id == delivery)
            .values(
                created_at=at + timedelta(milliseconds=10), wanted_at=at + waits, sent_at=at + sent, last_code="250"
            )
        )
        connection.execute(update(Event).values(accepted_at=at))
    beat(past)
    with past.database.read() as connection:
        paces = RecentFigures(connection).paces(slot_of(at))
    assert sum(paces.values()) == 1  # what stands in a feed has none
    [number] = paces
    assert (SPANS[number - 2] < seconds <= SPANS[number - 1]) is True
    assert within(paces) == (1.0 if seconds <= 10 else 0.0)
    assert (quantile(paces, 1) or 0) >= seconds


def test_the_books_of_a_pulse_are_the_books(past: Past):
    past.told(ago(1), ("email", State.SENT, None, 1), ("push", State.FAILED, Reason.REFUSED))
    with past.database.read() as connection:
        assert Snapshots(connection).books() is None
    assert Pulse(past.database, lambda: NOW).last_books().books == past.books()
    with past.database.write() as connection:
        connection.execute(text("DELETE FROM deliveries WHERE state = 'failed'"))
    later = Pulse(past.database, lambda: NOW + timedelta(minutes=2))
    later.beat()
    assert later.last_books().books.unaccounted == 1
    assert not is_stale(later.last_books(), NOW + timedelta(minutes=3))
    assert is_stale(later.last_books(), NOW + timedelta(hours=1))
