"""Two who meet at a digest at a bad moment: one has changed something and not committed, the other comes upon it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from notifier.policy.words import Reason, State
from notifier.store.models import Digest
from notifier.store.operate import Operate
from tests.pipeline.line import Letter, Line

SUNDAY = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def two_wait(line: Line) -> list[str]:
    """Two things wait for Bob's digest, whose hour has come; the deliveries, the carrier of its message first."""
    if line.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    line.people("bob")
    for actor, post in (("ana", "post-1"), ("ben", "post-2")):
        event = line.accept("like.created", actor={"id": actor}, object={"id": post, "type": "post", "owner": "bob"})
        line.plan([event])
    line.clock.now = SUNDAY
    return [row.id for row in line.deliveries()]


def taken(line: Line) -> list[str]:
    ids: list[str] = []
    line.builder.take(lambda some: ids.extend(some) or [])  # type: ignore[func-returns-value]  # rung for all
    return ids


def built_while(line: Line, act: Callable[[Connection], object]) -> list[str]:
    """Build what is due while another has acted and commits only when the builder waits; the messages to send."""
    ids = taken(line)
    with ThreadPoolExecutor(1) as pool:
        with line.database.write() as connection:
            act(connection)
            building = pool.submit(line.builder.build, ids)
            until = time.monotonic() + 10
            while not is_waiting(line):
                assert time.monotonic() < until, "nobody waits for anybody"
        return [one.id for one in building.result()]


def is_waiting(line: Line) -> bool:
    with line.database.read() as connection:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(connection.scalar(text(waits)))


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
