"""The second look: what changed between the plan and the sending is heeded, and told with its reason."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.policy.outcomes import Deferred, Delivered
from notifier.policy.words import Reason, State
from notifier.store.database import DatabaseAway
from notifier.store.facts import Facts
from notifier.store.people import People
from tests.pipeline.line import Line, at_once

POST = {"id": "post-1", "type": "post", "owner": "bob"}
NIGHT = datetime(2026, 11, 21, 23, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 7, tzinfo=UTC)


def like(line: Line, *people: str) -> list[str]:
    return [line.accept("like.created", actor={"id": person}, object=POST) for person in people]


def planned(line: Line, *people: str) -> str:
    """Likes of these people, which bob wants to hear of at once, planned as one; the delivery, ready to go."""
    line.people("bob")
    line.choose("bob", "like", email="instant")
    line.plan(like(line, *people), line.planner_with(gather_scale=1))
    line.clock.move(minutes=2)
    [due] = [one.id for one in line.sweep().deliveries if one.channel == "email"]
    return due


def actors(line: Line) -> list[list[str]]:
    return [[event.actor.id for event in letter.notice.events] for letter in line.post.letters]


def standing(line: Line, delivery: str) -> tuple[str, str | None, str]:
    row = line.delivery(delivery)
    return row.state, row.reason, row.rule


@pytest.mark.parametrize(
    ("kind", "other", "reason", "value"),
    [
        ("block", "ana", Reason.BLOCKED, "ana"),
        ("mute_actor", "ana", Reason.MUTED_ACTOR, "actor:ana"),
        ("mute_object", "post-1", Reason.MUTED_OBJECT, "object:post-1"),
        ("mute_type", "like.created", Reason.MUTED_TYPE, "type:like"),
    ],
)
def test_who_blocks_or_mutes_after_the_plan_hears_nothing(
    line: Line, kind: str, other: str, reason: Reason, value: str
):
    one = planned(line, "ana")
    line.relate("bob", kind, other)
    line.sender.send([one])
    assert not line.post.letters
    row = line.delivery(one)
    assert (row.state, row.reason, row.value, row.tries) == (State.SKIPPED, reason, value, 0)
    assert row.change is not None
    assert line.books().balanced


def test_of_several_only_those_who_were_blocked_since_are_left_out(line: Line):
    one = planned(line, "ana", "ben", "cid")
    line.relate("bob", "block", "ben")
    line.relate("eve", "block", "ana")
    line.sender.send([one])
    assert actors(line) == [["ana", "cid"]]


def test_what_was_read_after_the_plan_is_not_sent(line: Line):
    one = planned(line, "ana")
    line.read(one)
    line.sender.send([one])
    assert standing(line, one) == (State.CANCELLED, Reason.READ, "read")


def test_an_event_that_was_taken_back_is_told_no_more(line: Line):
    one = planned(line, "ana", "ben")
    line.plan([line.accept("like.deleted", actor={"id": "ana"}, object=POST)])
    line.sender.send([one])
    assert actors(line) == [["ben"]]


def test_a_round_of_which_everything_was_taken_back_is_cancelled_though_earlier_ones_stay(line: Line):
    first = planned(line, "ana")
    line.sender.send([first])
    line.plan(like(line, "ben"), line.planner_with(gather_scale=1))
    line.clock.move(minutes=2)
    line.plan([line.accept("like.deleted", actor={"id": "ben"}, object=POST)])
    assert line.deliver() == []
    second = line.deliveries()[-1]
    assert (second.state, second.reason) == (State.CANCELLED, Reason.TAKEN_BACK)
    assert line.books().balanced


def test_a_type_that_was_turned_off_after_the_plan_is_skipped(line: Line):
    one = planned(line, "ana")
    line.choose("bob", "like", email="off")
    line.sender.send([one])
    assert standing(line, one) == (State.SKIPPED, Reason.PREFERENCE_OFF, "preference")


def test_what_is_mandatory_is_sent_whatever_the_person_chose_since(line: Line):
    line.people("bob")
    [one] = [one.id for one in line.plan([line.accept("security.created", to=["bob"])])]
    line.choose("bob", "security", email="off")
    line.relate("bob", "mute_type", "security.created")
    line.rhythm("bob", quiet_start="00:00", quiet_end="23:59")
    line.sender.send([one])
    assert line.delivery(one).state == State.SENT


def test_a_mailbox_that_was_given_up_after_the_plan_gets_nothing(line: Line):
    one = planned(line, "ana")
    with line.database.write() as connection:
        People(connection).drop_mailbox("bob", line.clock())
    line.sender.send([one])
    assert standing(line, one) == (State.SKIPPED, Reason.NO_ADDRESS, "address")


def test_who_has_quiet_hours_by_now_is_told_at_their_end(line: Line):
    one = planned(line, "ana")
    line.rhythm("bob", quiet_start="22:00", quiet_end="07:00")
    line.clock.now = NIGHT
    line.sender.send([one])
    row = line.delivery(one)
    assert (row.state, row.reason, row.due_at, row.wanted_at) == (State.WAITING, Reason.QUIET_HOURS, MORNING, MORNING)
    assert (row.rule, row.value, row.tries) == ("quiet_hours", "22:00–07:00 UTC", 0)
    line.clock.now = MORNING
    assert len(line.deliver()) == 1
    assert line.delivery(one).state == State.SENT
    assert line.books().balanced


def test_a_retry_that_falls_into_the_night_waits_for_the_morning_and_tells_the_same(line: Line):
    one = planned(line, "ana")
    line.rhythm("bob", quiet_start="22:00", quiet_end="07:00")
    line.clock.now = NIGHT - timedelta(hours=1, seconds=1)
    line.post.answer = lambda _: Deferred("451")
    line.sender.send([one])
    line.plan(like(line, "ben"), line.planner_with(gather_scale=1))
    line.clock.now = NIGHT
    assert line.deliver() == []
    assert (line.delivery(one).reason, line.delivery(one).tries) == (Reason.QUIET_HOURS, 1)
    line.post.answer = lambda _: Delivered("250")
    line.clock.now = MORNING
    # What came in between is another round; in the morning both are one message.
    assert [len(letter.notice.events) for letter in line.deliver()] == [2]
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_urgent_types_pass_quiet_hours_and_a_digest_is_sent_at_the_hour_that_was_chosen(line: Line):
    line.people("bob")
    line.plan(like(line, "ana"))  # mail of a like is a daily digest
    [security] = [one.id for one in line.plan([line.accept("security.created", to=["bob"])])]
    line.rhythm("bob", quiet_start="22:00", quiet_end="09:00")
    line.clock.now = MORNING + timedelta(hours=1)
    line.sender.send([security])
    line.deliver()
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_what_joins_after_a_claim_is_the_next_round_and_each_event_is_told_once(line: Line):
    first = planned(line, "ana")
    late = like(line, "ben")
    line.post.between = lambda: line.plan(late, line.planner_with(gather_scale=1)) if not line.post.letters else None
    line.sender.send([first])
    line.clock.move(minutes=3)
    line.deliver()
    assert actors(line) == [["ana"], ["ben"]]
    rounds = [(row.first_round, row.last_round) for row in line.deliveries()]
    assert rounds == [(1, 1), (2, 2)]


def test_a_try_after_a_failed_one_tells_the_same_whatever_joined_meanwhile(line: Line):
    first = planned(line, "ana")
    line.post.answer = lambda _: Deferred("451")
    line.sender.send([first])
    line.plan(like(line, "ben"), line.planner_with(gather_scale=1))
    line.post.answer = lambda _: Delivered("250")
    line.clock.move(hours=1)
    line.deliver()
    assert actors(line) == [["ana"], ["ana"], ["ben"]]


def test_a_channel_that_replaces_what_it_showed_tells_all_that_is_left(line: Line):
    line.people("bob")
    line.device("bob")
    line.post.replaces = True
    gathering = line.planner_with(gather_scale=1)
    line.plan(like(line, "ana"), gathering)
    line.clock.move(minutes=2)
    line.deliver("push")
    line.plan(like(line, "ben"), gathering)
    line.clock.move(minutes=2)
    line.deliver("push")
    assert actors(line) == [["ana"], ["ana", "ben"]]


def test_claims_while_others_join_lose_and_double_nothing(line: Line):
    line.people("bob")
    line.choose("bob", "like", email="instant")
    gathering = line.planner_with(gather_scale=1)
    for turn in range(6):
        events = like(line, *[f"u{turn}-{n}" for n in range(24)])
        line.plan(events[:1], gathering)
        line.clock.move(minutes=3)
        due = [one.id for one in line.sweep().deliveries if one.channel == "email"]
        joining = [lambda some=events[n + 1 :: 8]: [line.plan([one], gathering) for one in some] for n in range(8)]
        at_once(lambda due=due: line.sender.send(due), *joining)
        line.clock.move(minutes=3)
        line.deliver()
    line.clock.move(days=1)
    line.deliver()
    told = sorted(event.id for letter in line.post.letters for event in letter.notice.events)
    assert len(told) == len(set(told)) == 6 * 24
    assert line.books().balanced


def test_where_blocks_cannot_be_read_nothing_is_sent_and_nothing_is_claimed(line: Line, monkeypatch):
    one = planned(line, "ana")

    def away(*_: object) -> None:
        raise DatabaseAway("gone")

    monkeypatch.setattr(Facts, "relations", away)
    with pytest.raises(DatabaseAway):
        line.sender.send([one])
    assert not line.post.letters
    assert line.delivery(one).state == State.QUEUED
