"""A paused queue: nothing of it goes out, nothing of it is lost, and all of it goes out when the queue goes on."""

from collections import Counter

import pytest
from sqlalchemy import select

from notifier.pipeline.pausing import REMEMBERED, Pausing
from notifier.policy.outcomes import Deferred
from notifier.policy.words import Reason, State
from notifier.store.books import count_books
from notifier.store.claims import Claims
from notifier.store.log import Log
from notifier.store.models import Audit, Delivery
from notifier.store.outbox import SWEEP
from notifier.store.types import new_id
from tests.pipeline.line import LEASE, Line, at_once
from tests.pipeline.test_explain import stored
from tests.pipeline.test_sweep import fill


@pytest.fixture
def pausing(line: Line) -> Pausing:
    return Pausing(line.database, line.clock)


def states(line: Line) -> Counter[tuple[str, str | None, bool]]:
    """How many deliveries there are in each state, with their reasons, and whether they have a timer."""
    with line.database.read() as connection:
        rows = connection.execute(select(Delivery.state, Delivery.reason, Delivery.due_at)).all()
    return Counter((str(row.state), row.reason, row.due_at is not None) for row in rows)


def drain(line: Line) -> int:
    """Sweep and send until nothing is rung for; how many were sent."""
    before = len(line.post.letters)
    while due := line.sweep():
        ids = [one.id for one in (*due.deliveries, *due.lost)]
        if not ids:
            break
        line.sender.send(ids)
    return len(line.post.letters) - before


PAUSED = ("waiting", Reason.PAUSED, False)


def test_a_ticket_of_a_paused_queue_sends_nothing_and_comes_again_only_when_the_queue_goes_on(
    line: Line, pausing: Pausing
):
    ids = line.planned(5)
    pausing.pause("default", "the relay moves", who="ada@app.example")
    assert line.sender.send(ids) == 0
    assert states(line)[PAUSED] == 5
    for _ in range(3):
        line.clock.move(hours=1)
        assert not line.sweep().deliveries, "what waits for its queue spins"
    assert not line.post.letters
    assert pausing.resume("default", who="ada@app.example")
    assert sorted(one.id for one in line.sweep().deliveries) == sorted(ids)
    line.sender.send(ids)
    assert len(line.post.letters) == 5


def test_another_queue_goes_on_meanwhile(line: Line, pausing: Pausing):
    pausing.pause("default", "the relay moves", who="ada")
    line.people("bob", "cara")
    [urgent] = [one for one in line.plan([line.accept("mention", to=["cara"])]) if one.channel == "email"]
    held = line.planned(1)
    line.sender.send([urgent.id, *held])
    assert [letter.delivery_id for letter in line.post.letters] == [urgent.id]


def test_tickets_that_died_with_their_worker_or_broker_are_held_by_the_sweep(line: Line, pausing: Pausing):
    line.planned(4)
    pausing.pause("default", "the relay moves", who="ada")
    line.clock.move(seconds=30)
    assert not line.sweep().deliveries
    assert states(line)[PAUSED] == 4
    pausing.resume("default", who="ada")
    assert drain(line) == 4


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_nothing_to_the_pause(line: Line, pausing: Pausing):
    ids = line.planned(3)
    with line.database.write() as connection:
        Claims(connection).claim(ids, new_id("clm"), now=line.clock(), lease=LEASE)
    pausing.pause("default", "the relay moves", who="ada")
    line.clock.move(seconds=LEASE.total_seconds() + 1)
    assert not line.sweep().lost
    assert states(line)[PAUSED] == 3
    pausing.resume("default", who="ada")
    assert drain(line) == 3
    with line.database.read() as connection:
        outcomes = Counter(attempt.outcome for id_ in ids for attempt in Log(connection).attempts(id_))
    assert outcomes == {"lost": 3, "delivered": 3}, "the try that was lost is on record"


def test_a_chunk_under_way_stops_within_a_second_and_gives_back_the_rest(line: Line, pausing: Pausing):
    ids = line.planned(10)

    def pause_after_three() -> None:
        if len(line.post.letters) == 3:
            pausing.pause("default", "the relay moves", who="ada")
            line.sender._watch._asked_at -= 2 * REMEMBERED  # a second passes

    line.post.between = pause_after_three
    line.sender.send(ids)
    # The channel pulls one ahead, and that one goes out.
    assert len(line.post.letters) == 4
    line.clock.move(seconds=1)
    assert not line.sweep().deliveries
    assert states(line)[PAUSED] == 6
    line.post.between = lambda: None
    pausing.resume("default", who="ada")
    line.sender._watch._asked_at -= 2 * REMEMBERED
    assert drain(line) == 6


def test_what_becomes_due_in_a_paused_queue_waits_as_well(line: Line, pausing: Pausing):
    ids = line.planned(2)
    line.post.answer = lambda _: Deferred("421", "later")
    line.sender.send(ids)
    line.post.answer = type(line.post)(line.clock).answer
    pausing.pause("default", "the relay moves", who="ada")
    line.clock.move(hours=2)
    assert drain(line) == 0
    assert states(line)[PAUSED] == 2
    pausing.resume("default", who="ada")
    assert drain(line) == 2


def test_what_was_held_for_quiet_hours_still_comes_as_one_message_after_the_pause(line: Line, pausing: Pausing):
    line.people("bob")
    line.rhythm("bob", quiet_start="09:00", quiet_end="11:00", timezone="UTC")
    line.plan(line.comments(3))
    pausing.pause("default", "the relay moves", who="ada")
    line.clock.move(hours=2)
    assert drain(line) == 0
    pausing.resume("default", who="ada")
    assert drain(line) == 1
    with line.database.read() as connection:
        assert count_books(connection).balanced


def test_pauses_and_claims_at_the_same_moment_send_each_message_once(line: Line, pausing: Pausing):
    ids = line.planned(60)

    def toggle() -> None:
        for _ in range(10):
            pausing.pause("default", "to and fro", who="ada")
            pausing.resume("default", who="ada")

    senders = [line.new_sender() for _ in range(3)]
    at_once(toggle, *[lambda sender=sender: sender.send(ids) for sender in senders], line.overdue)
    line.clock.move(minutes=2)
    for sender in senders:
        sender._watch._asked_at = 0.0
    drain(line)
    counts = Counter(letter.delivery_id for letter in line.post.letters)
    assert sorted(counts) == sorted(ids)
    assert set(counts.values()) == {1}


def test_a_pause_is_audited_and_a_second_one_changes_nothing(line: Line, pausing: Pausing):
    assert pausing.pause("bulk", "too much", who="ada")
    assert not pausing.pause("bulk", "another reason", who="ben")
    assert pausing.resume("bulk", who="ben")
    assert not pausing.resume("bulk", who="ben")
    with line.database.read() as connection:
        noted = connection.execute(select(Audit.who, Audit.action, Audit.subject).order_by(Audit.id)).all()
    assert [tuple(row) for row in noted] == [("ada", "queue.pause", "bulk: too much"), ("ben", "queue.resume", "bulk")]


def test_explaining_says_that_the_queue_is_paused_and_why(line: Line, pausing: Pausing):
    line.people("bob")
    [event] = line.comments(1)
    ids = [one.id for one in line.plan([event])]
    pausing.pause("default", "the relay moves", who="ada")
    line.sender.send(ids)
    [told] = [one for one in stored(line, event).lines if one.channel == "email"]
    assert (told.state, told.reason, told.rule, told.value) == (State.WAITING, Reason.PAUSED, "queue_paused", "default")
    assert told.says == "The queue default is paused since 2026-11-21 10:00 UTC: the relay moves."


def test_a_queue_that_goes_on_is_rung_for_in_the_portions_of_any_other_sweep(line: Line, pausing: Pausing):
    pausing.pause("bulk", "too much", who="ada")
    fill(line, SWEEP + 100, due_at=None, reason=Reason.PAUSED)
    assert not line.sweep().deliveries
    pausing.resume("bulk", who="ada")
    assert [len(line.sweep().deliveries) for _ in range(3)] == [SWEEP, 100, 0]
