"""Two who meet at a digest at a bad moment: one has changed something and not committed, the other comes upon it."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from notifier.policy.outcomes import Deferred, Delivered
from notifier.policy.words import Reason, State
from notifier.store.building import Building
from notifier.store.bulk import insert_rows
from notifier.store.claims import Claims
from notifier.store.models import Delivery, Digest, Event, Notification
from notifier.store.operate import Operate
from notifier.store.types import new_id
from tests.pipeline.line import LEASE, Letter, Line, until_somebody_waits

SUNDAY = datetime(2026, 11, 22, 8, tzinfo=UTC)


def like(line: Line, of: str, actor: str = "ana", post: str = "post-1") -> str:
    event = line.accept("like.created", actor={"id": actor}, object={"id": post, "type": "post", "owner": of})
    line.plan([event])
    return event


def like_two(line: Line) -> None:
    """Two things that wait for Bob's digest."""
    line.people("bob")
    like(line, "bob", "ana", "post-1")
    like(line, "bob", "ben", "post-2")


@pytest.fixture
def two_wait(line: Line) -> list[str]:
    """Two things wait for Bob's digest, whose hour has come; the deliveries, the carrier of its message first."""
    if line.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    like_two(line)
    line.clock.now = SUNDAY
    return [row.id for row in line.deliveries()]


def built_while(line: Line, act: Callable[[Connection], object]) -> list[str]:
    """Build what is due while another has acted and commits only when the builder waits; the messages to send."""
    ids = line.due_digests()
    with ThreadPoolExecutor(1) as pool:
        with line.database.write() as connection:
            act(connection)
            building = pool.submit(line.builder.build, ids)
            until_somebody_waits(line.database)
        return [one.id for one in building.result()]


def told(letter: Letter) -> list[str]:
    return [event.actor.id for notice in letter.notice.items or (letter.notice,) for event in notice.events]


def states(line: Line) -> dict[str, tuple[State, Reason | None]]:
    return {row.id: (row.state, row.reason) for row in line.deliveries()}


def digest(line: Line) -> Any:
    with line.database.read() as connection:
        return connection.execute(select(Digest)).one()


def test_what_an_admin_cancels_at_that_moment_is_not_told_and_the_rest_is(line: Line, two_wait: list[str]):
    first, second = two_wait
    messages = built_while(line, lambda tx: Operate(tx).cancel(first, line.clock()))
    line.new_sender().send(messages)
    line.deliver()
    assert [told(letter) for letter in line.post.letters] == [["ben"]]
    assert states(line) == {first: (State.CANCELLED, Reason.BY_ADMIN), second: (State.SENT, None)}
    assert second in digest(line).items
    assert first not in digest(line).items
    assert line.books().balanced


def test_what_an_admin_tries_at_that_moment_goes_out_by_itself_and_the_rest_in_its_digest(
    line: Line, two_wait: list[str]
):
    first, second = two_wait
    messages = built_while(line, lambda tx: Operate(tx).hurry(first, line.clock()))
    line.new_sender().send(messages)
    line.deliver()
    assert sorted(told(letter) for letter in line.post.letters) == [["ana"], ["ben"]]
    assert states(line) == {first: (State.SENT, None), second: (State.SENT, None)}
    assert second in digest(line).items
    assert first not in digest(line).items


def test_what_is_being_claimed_with_its_digest_is_not_sent_by_itself_as_well(line: Line, two_wait: list[str]):
    carrier, carried = two_wait
    line.digests()
    with ThreadPoolExecutor(1) as pool:
        with line.database.write() as connection:
            Claims(connection, ()).claim([carrier], new_id("clm"), now=line.clock(), lease=LEASE)
            hurrying = pool.submit(line.database.transact, lambda tx: Operate(tx).hurry(carried, line.clock()))
            until_somebody_waits(line.database)
        hurrying.result()
    row = line.delivery(carried)
    assert (row.state, row.carried_by) == (State.WAITING, carrier)


def test_a_digest_that_waits_for_another_try_stays_one_when_an_admin_tries_it_now(line: Line):
    like_two(line)
    line.clock.now = SUNDAY
    line.post.answer = lambda _: Deferred("421", "later")
    line.deliver()
    line.post.answer = lambda _: Delivered("250")
    carrier = line.deliveries()[0].id
    line.database.transact(lambda tx: Operate(tx).hurry(carrier, line.clock()))
    (letter,) = line.deliver()
    assert letter.notice.digest is not None
    assert sorted(told(letter)) == ["ana", "ben"]


def test_one_digest_that_cannot_be_built_does_not_hold_up_the_others(line: Line, caplog: pytest.LogCaptureFixture):
    line.people("bob", "cara", "dan")
    events = {who: like(line, who) for who in ("bob", "cara", "dan")}
    line.relate("cara", "block", "zed")  # so that it is looked at what she is told
    with line.database.write() as connection:
        connection.execute(update(Event).where(Event.id == events["cara"]).values(body=b"spilled"))
    line.clock.now = SUNDAY
    letters = line.deliver()
    assert sorted(letter.notice.person.id for letter in letters) == ["bob", "dan"]
    assert "cannot be built; it is kept and tried again" in caplog.text
    line.clock.move(minutes=2)
    with line.database.write() as connection:
        connection.execute(
            update(Event)
            .where(Event.id == events["cara"])
            .values(body=b'{"actor": {"id": "ana"}, "object": {"id": "post-1"}}')
        )
    assert [letter.notice.person.id for letter in line.deliver()] == ["cara"]


def test_a_digest_of_more_than_a_statement_holds_is_built(line: Line):
    if not line.database.on_sqlite:
        pytest.skip("SQLite takes 32,766 parameters in a statement, PostgreSQL twice as many")
    wait_for_bobs_digest(line, 33_000)
    line.clock.now = SUNDAY
    assert len(line.deliver()) == 1
    assert {row.state for row in line.deliveries()} == {State.SENT, State.CANCELLED}


def test_a_digest_of_more_than_a_statement_holds_is_skipped(line: Line):
    if not line.database.on_sqlite:
        pytest.skip("on SQLite one can say how much a statement holds")
    wait_for_bobs_digest(line, 5_200)
    with line.database.write() as connection:
        driver = connection.connection.driver_connection
        before = driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 5_100)
        try:
            building = Building(connection)
            [skipped] = [building.skip(one, line.clock()) for one in building.open("bob")]
        finally:
            driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, before)
    assert skipped == 5_201


def wait_for_bobs_digest(line: Line, count: int) -> None:
    """Let one thing wait for Bob's digest, and so many more."""
    line.people("bob")
    like(line, "bob")
    (waits,) = line.deliveries()
    with line.database.write() as connection:
        one = dict(connection.execute(select(Delivery).where(Delivery.id == waits.id)).one()._mapping)
        told = dict(connection.execute(select(Notification)).one()._mapping)
        many = [(new_id("dlv"), new_id("ntf")) for _ in range(count)]
        insert_rows(connection, Notification, [told | {"id": ntf, "ended_at": line.clock()} for _, ntf in many])
        insert_rows(connection, Delivery, [one | {"id": dlv, "notification_id": ntf} for dlv, ntf in many])
