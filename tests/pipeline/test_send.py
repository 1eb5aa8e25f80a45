"""Sending: one claim each, every answer recorded, and nothing taken that may be another's."""

import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import update

from notifier.channels import TemplateFault
from notifier.pipeline.record import MOST_OPEN, Recorder, Result
from notifier.policy.links import LASTS, PREFERENCES, WHY, Link, end_mark, read_token
from notifier.policy.outcomes import Deferred, Delivered, Gone, Refused
from notifier.policy.retry import Next
from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.claims import NEWEST, Claims
from notifier.store.database import Database
from notifier.store.log import SHOWN, Log
from notifier.store.models import Delivery
from notifier.store.operate import Operate
from notifier.store.outbox import Outbox, Try
from notifier.store.people import People
from notifier.store.types import id_octets, new_id
from tests.pipeline.line import LEASE, Letter, Line, at_once
from tests.stack import eventually
from tests.store.walks import walks_over_deliveries


def now() -> datetime:
    return datetime.now(UTC)


def claim(line: Line, ids: list[str], token: str) -> list[str]:
    claimed = line.database.transact(lambda tx: Claims(tx).claim(ids, token, now=line.clock(), lease=LEASE))
    return [one.id for one in claimed]


def a_try(line: Line, delivery: str, state: State = State.SENT, text: str = "") -> Try:
    return Try(delivery, line.clock(), 1, "delivered", "250", text, Next(state))


def test_twenty_who_claim_the_same_deliveries_get_each_once(line: Line):
    ids = line.planned(30)
    claimed = at_once(*[lambda: claim(line, ids, new_id("clm"))] * 20)
    assert sorted(one for some in claimed for one in some) == sorted(ids)


def test_the_same_chunk_sent_by_many_at_once_is_sent_once(line: Line):
    ids = line.planned(30)
    at_once(*[partial(line.new_sender().send, ids) for _ in range(6)])
    assert sorted(letter.delivery_id for letter in line.post.letters) == sorted(ids)
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_an_answer_that_comes_after_the_claim_was_lost_keeps_its_attempt_and_not_its_state(line: Line):
    [one] = line.planned(1)
    first, second = new_id("clm"), new_id("clm")
    claim(line, [one], first)
    line.clock.move(seconds=61)
    assert [lost.id for lost in line.sweep().lost] == [one]
    claim(line, [one], second)
    line.database.transact(lambda tx: Outbox(tx).record([a_try(line, one)], second, now=line.clock(), worker="b"))
    late = [a_try(line, one, State.FAILED)]
    line.database.transact(lambda tx: Outbox(tx).record(late, first, now=line.clock(), worker="a"))
    assert line.delivery(one).state == State.SENT
    assert line.outcomes(one) == ["lost", "delivered", "delivered"]


def test_what_was_claimed_and_not_tried_is_given_back_uncharged(line: Line):
    ids = line.planned(10)
    line.post.between = lambda: line.sender.stopping.set() if len(line.post.letters) == 3 else None
    line.sender.send(ids)
    assert len(line.post.letters) == 4  # the one in hand goes out
    rest = [row for row in line.deliveries() if row.state == State.QUEUED]
    assert [(row.tries, row.claim_token) for row in rest] == [(0, None)] * 6
    assert {one.id for one in line.sweep().deliveries} == {row.id for row in rest}


def test_a_chunk_slower_than_the_lease_keeps_its_claims(line: Line):
    ids = line.planned(4)
    sender = line.new_sender(lease=timedelta(seconds=0.6), clock=now)
    line.clock.now = now()
    hurried = threading.Event()

    def dawdle() -> None:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            line.clock.now = now()
            hurried.wait(0.1)
            assert not line.sweep().lost

    line.post.between = dawdle
    sender.send(ids)
    assert sorted(letter.delivery_id for letter in line.post.letters) == sorted(ids)
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_a_chunk_whose_claims_cannot_be_renewed_takes_no_further_message(line: Line):
    if not line.database.on_sqlite:
        pytest.skip("held away by SQLite's one writer")
    ids = line.planned(5)
    sender = line.new_sender(lease=timedelta(seconds=1), clock=now)
    writer = sqlite3.connect(line.database.url.database, isolation_level=None, check_same_thread=False)
    sent = line.post.letters

    def hold() -> None:
        if len(sent) == 1:
            writer.execute("BEGIN IMMEDIATE")
        if len(sent) == 2:
            time.sleep(1.1)

    line.post.between = hold
    thread = threading.Thread(target=sender.send, args=[ids])
    thread.start()
    eventually(lambda: len(sent) == 3)
    writer.execute("ROLLBACK")
    thread.join()
    writer.close()
    assert len(sent) == 3
    states = sorted(str(row.state) for row in line.deliveries())
    assert states == ["queued", "queued", "sent", "sent", "sent"]


def test_a_process_that_is_to_end_does_not_wait_for_ever_for_an_absent_database(line: Line, caplog):
    if line.database.on_sqlite:
        pytest.skip("an address where no PostgreSQL listens answers at once; SQLite waits for its lock")
    away = Recorder(Database("postgresql+psycopg://x@127.0.0.1:1/x"), worker="w", lease=LEASE, clock=line.clock)
    token = new_id("clm")
    away.stopping.set()
    with caplog.at_level(logging.CRITICAL), away.chunk(token, []):
        away.put(Result(token, a_try(line, new_id("dlv")), address=""))


def test_an_answer_that_a_database_cannot_hold_is_recorded_without_what_it_cannot(line: Line):
    ids = line.planned(3)
    line.post.answer = lambda _: Delivered("250", "a\x00b\ud800c" + "x" * 1000)
    line.sender.send(ids)
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_a_result_that_cannot_be_recorded_does_not_undo_its_neighbours(line: Line):
    ids = line.planned(5)
    line.post.answer = lambda letter: Delivered(None if letter.delivery_id == ids[2] else "250")  # type: ignore[arg-type]
    line.sender.send(ids)
    assert [row.state for row in line.deliveries()] == [State.SENT if one != ids[2] else State.SENDING for one in ids]
    line.clock.move(seconds=61)
    assert [lost.id for lost in line.sweep().lost] == [ids[2]]  # charged as a try, not sent again at once


def test_ten_charged_tries_and_it_is_given_up(line: Line):
    # The line halves all delays: with the longest jitter ten tries take more than the day that a delivery has.
    [one] = line.planned(1)
    line.post.answer = lambda _: Deferred("451")
    waits = []
    while line.delivery(one).state != State.FAILED:
        line.sender.send([one])
        row = line.delivery(one)
        if row.due_at:
            waits.append(row.due_at - line.clock())
            line.clock.now = row.due_at
            line.sweep()
    assert (row.reason, row.tries, len(line.outcomes(one))) == (Reason.GAVE_UP, 10, 10)
    assert all(second > first for first, second in pairwise(waits[:8]))
    assert line.books().balanced


def test_being_throttled_costs_no_try_and_pauses_its_origin_as_long_as_it_says(line: Line):
    ids = line.planned(2)
    hour = timedelta(hours=1)
    line.post.answer = lambda _: Deferred("429", after=hour, charged=False, pauses=True)
    line.sender.send(ids[:1])
    row = line.delivery(ids[0])
    assert (row.state, row.reason, row.tries, row.due_at) == (State.WAITING, Reason.PAUSED, 0, line.clock() + hour)
    line.sender.send(ids[1:])
    assert line.delivery(ids[1]).reason == Reason.PAUSED
    assert len(line.post.letters) == 1  # the other was not even tried
    line.clock.move(hours=1)
    line.post.answer = lambda _: Delivered("250")
    line.sender.send([one.id for one in line.sweep().deliveries])
    assert {row.state for row in line.deliveries()} == {State.SENT}


def test_retries_that_would_outlive_the_day_are_given_up(line: Line):
    [one] = line.planned(1)
    line.post.answer = lambda _: Deferred("429", after=timedelta(hours=25), charged=False)
    line.sender.send([one])
    assert (line.delivery(one).state, line.delivery(one).reason) == (State.FAILED, Reason.GAVE_UP)


def test_what_is_refused_gone_or_cannot_be_rendered_fails_for_good(line: Line):
    ids = line.planned(4)
    answers = {ids[0]: Refused("554"), ids[1]: Gone("550")}
    line.post.answer = lambda letter: answers[letter.delivery_id]
    whole = line.post.render

    def render(notice, now) -> Letter:
        if notice.delivery_id == ids[2]:
            raise TemplateFault("no")
        if notice.delivery_id == ids[3]:
            raise TypeError("a template that adds a number to a text")
        return whole(notice, now)

    line.post.render = render
    line.sender.send(ids)
    reasons = [row.reason for row in line.deliveries()]
    assert reasons == [Reason.REFUSED, Reason.ADDRESS_GONE, Reason.TEMPLATE_ERROR, Reason.TEMPLATE_ERROR]
    assert line.books().balanced


def test_a_type_that_lost_its_channel_since_the_plan_is_skipped(line: Line):
    [one] = line.planned(1)
    with line.database.write() as connection:
        connection.execute(update(Delivery).where(Delivery.id == one).values(type="gone.created"))
    line.sender.send([one])
    assert line.delivery(one).reason == Reason.UNKNOWN_TYPE


def test_sending_walks_through_no_table_however_large_it_is(line: Line):
    if not line.database.on_sqlite:
        pytest.skip("PostgreSQL chooses anew as a table grows; SQLite shows its choice at once")
    ids = line.planned(3)
    line.post.answer = lambda _: Deferred("451")
    with walks_over_deliveries(line.database) as walks:
        line.sender.send(ids)
        line.clock.move(hours=1)
        line.sweep()
    assert not walks


def test_a_browser_that_became_another_persons_gets_nothing_of_the_first(line: Line):
    device = add_device(line, "bob")
    line.plan(line.comments(1))
    [planned] = line.deliveries("push")
    assert (planned.state, planned.address_id) == (State.QUEUED, device)
    assert add_device(line, "eve") == device
    line.new_sender(channel="push").send([planned.id])
    assert not line.post.letters
    [row] = line.deliveries("push")
    assert (row.state, row.reason) == (State.SKIPPED, Reason.NO_ADDRESS)


@pytest.mark.parametrize("between", ["plan", "send"])
def test_a_person_who_removed_their_device_has_none_and_nobody_refused_it(line: Line, between: str):
    device = add_device(line, "bob")
    events = line.comments(1)
    if between == "send":
        line.plan(events)
    with line.database.write() as connection:
        People(connection).drop_device("bob", device, line.clock())
    line.plan(events)
    line.new_sender(channel="push").send([row.id for row in line.deliveries("push")])
    [row] = line.deliveries("push")
    assert (row.state, row.reason) == (State.SKIPPED, Reason.NO_ADDRESS)


def add_device(line: Line, user: str) -> str:
    with line.database.write() as connection:
        return People(connection).add_device(user, "v", fingerprint="f", key_id="k", now=line.clock()).id


def test_of_very_many_events_the_newest_are_told_and_the_others_counted(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    post = {"id": "p", "owner": "bob"}
    events = [
        line.accept("like.created", actor={"id": f"fan-{number % 230}"}, object=post) for number in range(NEWEST + 60)
    ]
    line.plan(events, gathering)
    [row] = line.deliveries()
    with line.database.write() as connection:
        assert Operate(connection).hurry(row.id, line.clock())
    line.sweep()
    line.sender.send([row.id])
    [letter] = line.post.letters
    assert [event.id for event in letter.notice.events] == events[60:]
    # Sixty came before; those of fan-0 to fan-29 acted again later, the other thirty did not.
    assert (letter.notice.earlier_events, letter.notice.earlier_actors) == (60, 30)
    with line.database.read() as connection:
        entry = Log(connection).delivery(row.id)
    assert (entry.events, entry.event_count) == (tuple(events[-SHOWN:]), len(events))


def test_only_mail_that_can_be_turned_off_has_a_link_to_turn_it_off(line: Line):
    line.people("bob")
    events = [line.accept(type_, to=["bob"]) for type_ in ("security.created", "mention.created")]
    line.plan(events)
    line.sender.send([one.id for one in line.deliveries()])
    links = {letter.notice.type: bool(letter.notice.unsubscribe_url) for letter in line.post.letters}
    assert links == {"security.created": False, "mention.created": True}


def test_every_message_leads_to_where_its_person_chooses_and_to_why_it_came(line: Line):
    line.people("bob")
    line.plan([line.accept(type_, to=["bob"]) for type_ in ("security.created", "mention.created")])
    line.sender.send([one.id for one in line.deliveries()])
    assert len(line.post.letters) == 2
    for letter in line.post.letters:
        end = end_mark(letter.notice.created_at + LASTS)
        for url, path, purpose, of in (
            (letter.notice.preferences_url, "p", PREFERENCES, letter.notice.address.id),
            (letter.notice.why_url, "why", WHY, letter.notice.delivery_id),
        ):
            base, _, token = url.rpartition("/")
            assert base == f"http://x/{path}"
            assert read_token(b"k" * 32, purpose, token) == Link(id_octets(of), end)


def test_nothing_is_sent_far_ahead_of_what_is_on_record(line: Line):
    """What is sent and not recorded is sent again should the process die."""
    ids = line.planned(120)
    line.post.between = lambda: time.sleep(0.005)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(line.new_sender().send, ids)
        eventually(lambda: line.post.letters)
        with line.database.write() as connection:
            changes.number(connection)  # for which everybody waits who records
            time.sleep(1)
            assert len(line.post.letters) < 120
            recorded = sum(row.state == State.SENT for row in line.deliveries())
            assert len(line.post.letters) - recorded <= MOST_OPEN + 1
        assert sending.result() == 120
    assert len(line.post.letters) == 120
