"""The sweep: whatever got stuck is found, by one sweeper alone, and rung for."""

import time
from datetime import timedelta

from sqlalchemy import delete, insert

from notifier.pipeline.tickets import SEND, send_tickets
from notifier.policy.queues import QUEUES
from notifier.policy.words import Reason, State
from notifier.store.claims import Claims
from notifier.store.models import Delivery, Event, NotificationEvent
from notifier.store.outbox import SWEEP
from notifier.store.types import new_id
from tests.pipeline.line import APP, LEASE, Line, at_once


def fill(line: Line, count: int, queue: str = "bulk", **columns: object) -> None:
    """Overdue rows, as a long outage leaves them."""
    row = {
        "notification_id": new_id("ntf"), "app_id": APP, "user_id": "u", "type": "comment.created",
        "channel": "email", "queue": queue, "state": State.WAITING, "due_at": line.clock(),
        "wanted_at": line.clock(), "tries": 0, "last_code": "", "created_at": line.clock(),
    } | columns  # fmt: skip
    with line.database.write() as connection:
        connection.execute(insert(Delivery), [row | {"id": new_id("dlv")} for _ in range(count)])


def test_what_nobody_came_for_is_rung_again_and_again_until_somebody_does(line: Line):
    [one] = line.planned(1)
    assert not line.sweep().deliveries
    for _ in range(3):
        line.clock.move(seconds=10)
        assert [due.id for due in line.sweep().deliveries] == [one]
        assert not line.sweep().deliveries
    line.sender.send([one])
    line.clock.move(hours=1)
    assert not line.sweep().deliveries


def test_an_event_that_nobody_planned_is_rung_again(line: Line):
    line.people("bob")
    events = line.comments(3)
    assert not line.sweep().events
    line.clock.move(seconds=2)
    assert sorted(line.sweep().events) == sorted(events)
    assert not line.sweep().events
    line.clock.move(seconds=10)
    assert sorted(line.sweep().events) == sorted(events)


def test_sweepers_at_the_same_moment_take_each_row_once(line: Line):
    fill(line, 600)
    found = at_once(*[lambda: line.sweeper.deliveries("bulk").deliveries] * 6)
    taken = [one.id for some in found for one in some]
    assert len(taken) == len(set(taken)) == 600


def test_urgent_work_does_not_wait_behind_a_mass_of_bulk(line: Line):
    fill(line, SWEEP + 500, due_at=line.clock() - timedelta(hours=1))
    fill(line, 1, queue="urgent")
    found = line.sweep().deliveries
    assert [one.queue for one in found].count("urgent") == 1
    assert len(found) == SWEEP + 1


def test_a_sweep_of_two_thousand_rows_is_one_short_transaction(line: Line):
    fill(line, SWEEP)
    began = time.perf_counter()
    assert len(line.sweeper.deliveries("bulk").deliveries) == SWEEP
    assert time.perf_counter() - began < 2  # a tenth of that on a quiet machine


def test_a_chunk_that_kills_its_worker_is_split_so_that_only_the_guilty_one_is_given_up(line: Line):
    ids = line.planned(5)
    poison = ids[2]
    tickets = [tuple(ids)]
    for _ in range(12):
        for chunk in tickets:
            kill_or_send(line, list(chunk), poison)
        line.clock.move(seconds=61)
        overdue = line.sweep()
        tickets = [ticket.ids for ticket in send_tickets(overdue.lost, alone=True)]
        assert all(ticket.step == SEND for ticket in send_tickets(overdue.deliveries))
    assert {row.id: row.state for row in line.deliveries()} == {
        one: State.FAILED if one == poison else State.SENT for one in ids
    }
    row = line.delivery(poison)
    assert (row.reason, row.tries) == (Reason.GAVE_UP, 10)
    assert line.outcomes(poison) == ["lost"] * 10
    assert line.books().balanced


def kill_or_send(line: Line, chunk: list[str], poison: str) -> None:
    """A worker that takes the poison dies with its whole chunk claimed."""
    if poison not in chunk:
        line.sender.send(chunk)
        return
    token = new_id("clm")
    line.database.transact(lambda tx: Claims(tx).claim(chunk, token, now=line.clock(), lease=LEASE))


def test_far_more_than_one_statement_holds_can_be_hastened(line: Line):
    ids = line.planned(3)
    line.sweeper.hasten([*(new_id("dlv") for _ in range(40_000)), *ids], [])
    assert sorted(one.id for one in line.sweep().deliveries) == sorted(ids)


def test_a_delivery_or_a_person_that_disappears_shows_in_the_books(line: Line):
    ids = line.planned(2)
    assert line.books().balanced
    with line.database.write() as connection:
        connection.execute(delete(Delivery).where(Delivery.id == ids[0]))
    assert line.books().channels["email"].unaccounted == 1
    with line.database.write() as connection:
        connection.execute(delete(NotificationEvent))
    assert line.books().missing == 2


def test_an_overdue_event_is_rung_for_on_the_queue_of_its_type(line: Line):
    types = ("mention.created", "like.deleted", "post.created", "post.deleted", "gone.created")
    events = {type_: line.accept(type_, object={"id": type_}) for type_ in types}
    line.clock.move(seconds=3)
    found = {queue: line.sweeper.events(queue).events for queue in QUEUES}
    assert found == {
        "urgent": (events["mention.created"],),
        "default": (events["like.deleted"], events["gone.created"]),
        "bulk": (events["post.created"], events["post.deleted"]),
        "digest": (),
        "media": (),
    }
    line.clock.move(seconds=11)
    assert [len(line.sweeper.events(queue).events) for queue in QUEUES] == [1, 2, 0, 0, 0]  # each as often as its queue


def test_an_urgent_event_does_not_wait_behind_a_mass_of_overdue_ones(line: Line):
    row = {"app_id": APP, "body_hash": b"h", "body": b"{}", "occurred_at": line.clock(), "accepted_at": line.clock()}
    row |= {"type": "post.created", "due_at": line.clock() - timedelta(hours=1), "plan_cursor": 0}
    with line.database.write() as connection:
        connection.execute(insert(Event), [row | {"id": (one := new_id("evt")), "key": one} for _ in range(SWEEP + 9)])
    urgent = line.accept("mention.created")
    line.clock.move(seconds=2)
    assert line.sweeper.events("urgent").events == (urgent,)
    assert len(line.sweeper.events("bulk").events) == SWEEP
