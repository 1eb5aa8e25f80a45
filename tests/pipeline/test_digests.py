"""Digests: one for each person, channel, cadence and date, with all that waited and nothing that fell away."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from notifier.pipeline.again import Again
from notifier.pipeline.steering import Steering
from notifier.policy.choices import TIME, WEEKDAY, Author
from notifier.policy.outcomes import Deferred, Refused
from notifier.policy.steering import Which
from notifier.policy.words import Cadence, Reason, State
from notifier.store.building import PAGE, frozen_items
from notifier.store.bulk import insert_rows
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.models import Digest
from notifier.store.operate import Operate
from notifier.store.people import People
from notifier.store.sql import AnyRow
from notifier.store.types import new_id
from tests.pipeline.line import APP, Letter, Line, at_once

# Saturday, 10:00 UTC; the first digest hour comes on Sunday at 08:00 UTC.
SUNDAY = datetime(2026, 11, 22, 8, tzinfo=UTC)
MONDAY = SUNDAY + timedelta(days=1)


@pytest.fixture
def line(database: Database) -> Line:
    line = Line(database)
    line.people("bob")
    return line


def like(line: Line, actor: str = "ana", of: str = "bob", post: str = "post-7") -> str:
    event = line.accept("like.created", actor={"id": actor}, object={"id": post, "type": "post", "owner": of})
    line.plan([event])
    return event


def digests(line: Line) -> list[AnyRow]:
    with line.database.read() as connection:
        return list(connection.execute(select(Digest).order_by(Digest.id)))


def told(letter: Letter) -> list[str]:
    """Who acted in what a letter tells, notice by notice."""
    return [event.actor.id for notice in letter.notice.items for event in notice.events]


def states(line: Line) -> set[tuple[str, str | None]]:
    return {(row.state, row.reason) for row in line.deliveries()}


def steering(line: Line) -> Steering:
    return Steering(line.database, line.builder, line.clock)


def move(line: Line, person: str, zone: str) -> None:
    with line.database.write() as connection:
        People(connection).save(person, {"timezone": zone}, line.clock())


def choose_hour(line: Line, person: str, **hour: str) -> None:
    whats = {"time": TIME, "weekday": WEEKDAY}
    with line.database.write() as connection:
        wishes = {whats[name]: value for name, value in hour.items()}
        Choices(connection).change({person: wishes}, Author(APP, "api"), line.clock())


def test_what_is_daily_waits_in_one_open_digest_and_comes_at_the_hour(line: Line):
    like(line)
    like(line, "ben", post="post-8")
    (digest,) = digests(line)
    assert (digest.cadence, digest.period, digest.state, digest.due_at) == ("daily", "2026-11-22", "open", SUNDAY)
    assert {row.digest_id for row in line.deliveries()} == {digest.id}
    line.clock.now = SUNDAY - timedelta(seconds=1)
    assert line.deliver() == []
    line.clock.now = SUNDAY
    (letter,) = line.deliver()
    assert sorted(told(letter)) == ["ana", "ben"]
    assert letter.notice.digest is not None
    assert (letter.notice.digest.cadence, letter.notice.digest.wanted_at) == (Cadence.DAILY, SUNDAY)
    assert states(line) == {(State.SENT, None)}
    (digest,) = digests(line)
    assert (digest.state, digest.due_at) == ("built", None)
    assert sorted(frozen_items(digest.items)) == [row.id for row in line.deliveries()]
    assert line.books().balanced


def test_what_comes_after_a_digest_was_built_waits_for_the_next_one(line: Line):
    like(line)
    line.clock.now = SUNDAY
    built = line.digests()
    like(line, "ben")
    line.new_sender().send([one.id for one in built])
    assert [told(letter) for letter in line.post.letters] == [["ana"]]
    assert [(one.period, one.state) for one in digests(line)] == [("2026-11-22", "built"), ("2026-11-23", "open")]
    line.clock.move(days=1)
    assert [told(letter) for letter in line.deliver()] == [["ben"]]


def test_a_digest_with_nothing_left_to_tell_ends_empty_and_sends_nothing(line: Line):
    like(line)
    line.relate("bob", "block", "ana")
    line.clock.now = SUNDAY
    assert line.deliver() == []
    assert [one.state for one in digests(line)] == ["empty"]
    assert states(line) == {(State.SKIPPED, Reason.BLOCKED)}
    assert line.books().balanced


def test_what_was_read_or_taken_back_meanwhile_is_not_told(line: Line):
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    like(line, "cat", post="post-3")
    line.plan([line.accept("like.deleted", actor={"id": "ben"}, object={"id": "post-2"})])
    line.read(line.deliveries()[0].id)
    line.clock.now = SUNDAY
    (letter,) = line.deliver()
    assert told(letter) == ["cat"]
    assert states(line) == {(State.CANCELLED, Reason.READ), (State.CANCELLED, Reason.TAKEN_BACK), (State.SENT, None)}
    assert len(frozen_items(digests(line)[0].items)) == 1


def test_what_is_blocked_between_the_building_and_the_sending_is_not_told_either(line: Line):
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    line.clock.now = SUNDAY
    built = line.digests()
    line.relate("bob", "block", "ana")
    line.new_sender().send([one.id for one in built])
    line.deliver()
    assert [told(letter) for letter in line.post.letters] == [["ben"]]
    assert states(line) == {(State.SKIPPED, Reason.BLOCKED), (State.SENT, None)}


def test_each_device_gets_the_digest_once(line: Line):
    for one in ("phone", "laptop"):
        with line.database.write() as connection:
            value = f'{{"endpoint": "https://push.example/{one}", "p256dh": "", "auth": ""}}'
            People(connection).add_device("bob", value, fingerprint=one, key_id="", now=line.clock())
    line.choose("bob", "like", push="daily")
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    line.clock.now = SUNDAY
    letters = line.deliver("push")
    assert [sorted(told(letter)) for letter in letters] == [["ana", "ben"], ["ana", "ben"]]
    assert len({letter.notice.address.id for letter in letters}) == 2
    assert [one.channel for one in digests(line)] == ["email", "push"]


def test_daily_and_weekly_are_two_digests(line: Line):
    line.choose("bob", "share", email="weekly")
    like(line)
    share = line.accept("share.created", actor={"id": "ben"}, object={"id": "post-7", "owner": "bob"})
    line.plan([share])
    line.clock.now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert sorted(told(letter) for letter in line.deliver()) == [["ana"], ["ben"]]
    assert {(one.cadence, one.period) for one in digests(line)} == {("daily", "2026-11-22"), ("weekly", "2026-11-23")}


def test_after_days_without_a_scheduler_one_digest_tells_of_all_of_them(line: Line):
    for _ in range(4):
        like(line, f"fan-{line.clock.now:%d}", post=f"post-{line.clock.now:%d}")
        line.clock.move(days=1)
    (letter,) = line.deliver()
    assert len(told(letter)) == 4
    assert [one.state for one in digests(line)] == ["built"]
    like(line, "late")
    assert digests(line)[-1].due_at > line.clock.now


def test_a_push_that_was_held_up_with_its_scheduler_is_still_worth_showing(line: Line):
    line.device("bob")
    line.choose("bob", "like", push="daily", email="off")
    like(line)
    line.clock.now = SUNDAY + timedelta(days=2)
    assert len(line.deliver("push")) == 1


def test_two_ticks_at_once_ring_twice_and_each_digest_is_built_once(line: Line):
    people = [f"p{n}" for n in range(30)]
    line.people(*people)
    for person in people:
        like(line, of=person)
    line.clock.now = SUNDAY
    first, second = at_once(line.due_digests, line.due_digests)
    assert sorted(first) == sorted(second)
    assert len(set(first)) == 30
    built = at_once(lambda: line.builder.build(first), lambda: line.builder.build(second))
    assert len([one for each in built for one in each]) == 30


def test_the_tick_reads_page_by_page_the_longest_overdue_first(line: Line):
    pages = 2 * PAGE + 3
    rows = [
        {
            "id": new_id("dig"), "user_id": f"p{n}", "channel": "email", "cadence": "daily", "period": "2026-11-22",
            "state": "open", "due_at": SUNDAY - timedelta(hours=n % 3), "wanted_at": SUNDAY, "items": "",
            "opened_at": SUNDAY,
        }
        for n in range(pages)
    ]  # fmt: skip
    with line.database.write() as connection:
        insert_rows(connection, Digest, [*rows, rows[0] | {"id": new_id("dig"), "user_id": "later", "due_at": MONDAY}])
    line.clock.now = SUNDAY
    found = list(line.builder.due())
    assert [len(page) for page in found] == [PAGE, PAGE, 3]
    due = sorted(rows, key=lambda row: (row["due_at"], row["id"]))
    assert [id_ for page in found for id_ in page] == [row["id"] for row in due]


def test_two_workers_at_once_build_each_digest_once(line: Line):
    people = [f"p{n}" for n in range(10)]
    line.people(*people)
    for person in people:
        like(line, "ana", person)
        like(line, "ben", person, "post-8")
    line.clock.now = SUNDAY
    due = line.due_digests()
    built = at_once(*[lambda: line.builder.build(due)] * 3)
    assert len([one for each in built for one in each]) == 10
    line.new_sender().send([one.id for each in built for one in each])
    assert sorted(letter.notice.person.id for letter in line.post.letters) == people
    assert all(sorted(told(letter)) == ["ana", "ben"] for letter in line.post.letters)


def test_likes_that_are_planned_while_their_digest_is_built_are_told_once(line: Line):
    line.people("bob")
    first = [like(line, f"a{n}", post=f"post-{n}") for n in range(5)]
    line.clock.now = SUNDAY
    due = line.due_digests()
    late = [
        line.accept("like.created", actor={"id": f"b{n}"}, object={"id": f"post-{n}", "owner": "bob"}) for n in range(5)
    ]
    built, _ = at_once(lambda: line.builder.build(due), lambda: line.plan(late))
    line.new_sender().send([one.id for one in built])
    line.clock.move(days=1)
    line.deliver()
    everybody = [actor for letter in line.post.letters for actor in told(letter)]
    assert len(first) == 5
    assert sorted(everybody) == sorted([*(f"a{n}" for n in range(5)), *(f"b{n}" for n in range(5))])
    assert line.books().balanced


def test_a_digest_that_nobody_built_is_found_by_the_next_tick_at_its_hour_and_by_none_before(line: Line):
    like(line)
    line.clock.now = SUNDAY - timedelta(minutes=1)
    assert line.due_digests() == []
    line.clock.now = SUNDAY
    assert len(line.due_digests()) == 1  # and its worker dies
    assert [told(letter) for letter in line.deliver()] == [["ana"]]
    assert line.due_digests() == []


def test_a_bell_that_rang_before_the_digest_was_moved_builds_nothing(line: Line):
    like(line)
    line.clock.now = SUNDAY
    (due,) = line.due_digests()
    steering(line).move("bob", Which(id=due), SUNDAY + timedelta(hours=3), who="person")
    assert line.builder.build([due]) == []
    line.clock.move(hours=3)
    assert [told(letter) for letter in line.deliver()] == [["ana"]]


def test_a_digest_that_an_earlier_version_took_is_built_beside_the_one_opened_since(line: Line):
    like(line)
    with line.database.write() as connection:
        connection.execute(update(Digest).values(state="due"))
    like(line, "ben", post="post-2")
    line.clock.now = SUNDAY
    assert [told(letter) for letter in line.deliver()] == [["ana"]]
    line.clock.now = MONDAY
    assert [told(letter) for letter in line.deliver()] == [["ben"]]


def test_a_digest_that_fails_for_a_while_keeps_its_parts_together(line: Line):
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    line.clock.now = SUNDAY
    line.post.answer = lambda _: Deferred("421", "later")
    line.deliver()
    assert {row.state for row in line.deliveries()} == {State.WAITING}
    del line.post.answer
    line.post.answer = type(line.post)(line.clock).answer
    line.clock.move(minutes=5)
    (letter,) = line.deliver()
    assert sorted(told(letter)) == ["ana", "ben"]
    assert letter.notice.digest is not None


# --- where and when people want it


def test_whoever_moves_west_after_todays_digest_gets_the_next_one_tomorrow(line: Line):
    move(line, "bob", "Europe/Berlin")
    like(line)
    line.clock.now = datetime(2026, 11, 22, 7, tzinfo=UTC)  # 08:00 in Berlin
    assert len(line.deliver()) == 1
    like(line, "ben")
    line.clock.now = datetime(2026, 11, 22, 9, tzinfo=UTC)  # 04:00 in New York
    move(line, "bob", "America/New_York")
    like(line, "cat", post="post-8")
    assert [(one.period, one.due_at) for one in digests(line)][1:] == [
        ("2026-11-23", datetime(2026, 11, 23, 13, tzinfo=UTC))
    ]


def test_what_opens_after_a_move_west_does_not_use_todays_date_again(line: Line):
    move(line, "bob", "Europe/Berlin")
    like(line)
    line.clock.now = datetime(2026, 11, 22, 7, tzinfo=UTC)
    line.deliver()
    line.clock.now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    move(line, "bob", "America/New_York")
    like(line, "ben")
    assert digests(line)[-1].period == "2026-11-23"


def test_whoever_moves_east_past_todays_hour_gets_todays_digest_at_once(line: Line):
    move(line, "bob", "Europe/Berlin")
    like(line)
    line.clock.now = datetime(2026, 11, 22, 6, tzinfo=UTC)  # 07:00 in Berlin, 15:00 in Tokyo
    move(line, "bob", "Asia/Tokyo")
    assert len(line.deliver()) == 1
    like(line, "ben")
    assert digests(line)[-1].period == "2026-11-23"


def test_another_hour_holds_for_what_waits_already(line: Line):
    like(line)
    choose_hour(line, "bob", time="18:30")
    (digest,) = digests(line)
    assert digest.due_at == datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
    (row,) = line.deliveries()
    assert (row.wanted_at, row.value) == (digest.due_at, "daily 18:30 UTC")
    choose_hour(line, "bob", time="09:00")
    assert digests(line)[0].due_at == datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_another_weekday_holds_for_what_waits_already(line: Line):
    line.choose("bob", "like", email="weekly")
    like(line)
    choose_hour(line, "bob", weekday="friday")
    assert [(one.period, one.due_at) for one in digests(line)] == [
        ("2026-11-27", datetime(2026, 11, 27, 8, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("cadence", "digest"), [("weekly", "2026-11-23"), ("hourly", "2026-11-21T11:00"), ("instant", None)]
)
def test_another_cadence_loses_nothing_that_waited(line: Line, cadence: str, digest: str | None):
    like(line)
    line.choose("bob", "like", email=cadence)
    letters = line.deliver()
    if digest is None:
        assert [letter.notice.events[0].actor.id for letter in letters] == ["ana"]
        return
    assert letters == []
    waits = [one for one in digests(line) if one.cadence == cadence]
    assert [one.period for one in waits] == [digest]
    assert {row.digest_id for row in line.deliveries()} == {waits[0].id}
    line.clock.now = waits[0].due_at
    assert [told(letter) for letter in line.deliver()] == [["ana"]]
    assert line.books().balanced


def test_what_is_turned_off_while_it_waits_is_not_told_and_says_so(line: Line):
    like(line)
    line.choose("bob", "like", email="off")
    assert line.deliver() == []
    line.clock.now = SUNDAY
    assert line.deliver() == []
    assert states(line) == {(State.SKIPPED, Reason.PREFERENCE_OFF)}


def test_an_hourly_digest_waits_until_the_night_is_over(line: Line):
    line.choose("bob", "like", email="hourly")
    line.wish("bob", quiet_hours="22:00–07:00")
    line.clock.now = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
    like(line)
    (digest,) = digests(line)
    assert (digest.period, digest.due_at) == ("2026-11-21T22:00", datetime(2026, 11, 22, 7, tzinfo=UTC))
    line.wish("bob", quiet_hours=None)
    assert digests(line)[0].due_at == datetime(2026, 11, 21, 22, tzinfo=UTC)


# --- steering


def test_a_digest_is_sent_at_somebodys_word_and_the_next_one_comes_at_its_hour(line: Line):
    like(line)
    assert len(steering(line).send("bob", Which(), who="person")) == 1
    assert [told(letter) for letter in line.deliver()] == [["ana"]]
    like(line, "ben")
    assert digests(line)[-1].period == "2026-11-22"
    line.clock.now = SUNDAY
    assert [told(letter) for letter in line.deliver()] == [["ben"]]


def test_sent_twice_at_once_it_comes_once(line: Line):
    like(line)
    made = at_once(*[lambda: steering(line).send("bob", Which(), who="person")] * 3)
    assert sorted(map(len, made)) == [0, 0, 1]
    assert len(line.deliver()) == 1


def test_a_skipped_digest_tells_nothing_and_uses_up_its_date(line: Line):
    like(line)
    assert steering(line).skip("bob", Which("email", Cadence.DAILY), who="person") == [1]
    assert states(line) == {(State.CANCELLED, Reason.DIGEST_SKIPPED)}
    like(line, "ben")
    assert [(one.period, one.state) for one in digests(line)] == [("2026-11-22", "skipped"), ("2026-11-23", "open")]
    line.clock.now = SUNDAY
    assert line.deliver() == []
    assert line.books().balanced


def test_a_digest_is_moved_this_once(line: Line):
    like(line)
    later = datetime(2026, 11, 22, 20, tzinfo=UTC)
    assert len(steering(line).move("bob", Which(), later, who="person")) == 1
    assert line.deliveries()[0].wanted_at == later
    line.clock.now = SUNDAY
    like(line, "ben", post="post-8")
    assert line.deliver() == []
    line.clock.now = later
    assert sorted(told(line.deliver()[0])) == ["ana", "ben"]
    like(line, "cat")
    assert digests(line)[-1].due_at == SUNDAY + timedelta(days=1)


def test_only_the_named_digest_is_meant(line: Line):
    line.choose("bob", "share", email="weekly")
    like(line)
    line.plan([line.accept("share.created", actor={"id": "ben"}, object={"id": "post-7", "owner": "bob"})])
    assert steering(line).skip("bob", Which(cadence=Cadence.WEEKLY), who="person") == [1]
    assert {one.cadence: one.state for one in digests(line)} == {"daily": "open", "weekly": "skipped"}


def test_what_an_admin_tries_now_leaves_its_digest(line: Line):
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    first = line.deliveries()[0]

    with line.database.write() as connection:
        assert Operate(connection).hurry(first.id, line.clock())
    (letter,) = line.deliver()
    assert (letter.notice.digest, letter.notice.events[0].actor.id) == (None, "ana")
    line.clock.now = SUNDAY
    assert [told(letter) for letter in line.deliver()] == [["ben"]]


def test_a_failed_digest_that_is_retried_comes_as_that_digest_again(line: Line):
    like(line, "ana", post="post-1")
    like(line, "ben", post="post-2")
    line.clock.now = SUNDAY
    well, line.post.answer = line.post.answer, lambda _: Refused("554", "no")
    line.deliver()
    assert states(line) == {(State.FAILED, Reason.REFUSED)}
    line.post.answer = well
    again = Again(line.database, line.sweeper, line.clock)
    (carrier,) = [row.id for row in line.deliveries() if row.carried_by is None]
    assert again.one(carrier, who="an admin")
    (letter,) = line.deliver()
    assert sorted(told(letter)) == ["ana", "ben"]
    assert letter.notice.digest is not None
    assert again.one(carrier, who="an admin") is None
    assert line.books().balanced
