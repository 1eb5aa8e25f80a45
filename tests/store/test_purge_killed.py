"""A purge that is killed, or runs twice, or while others write: the books balance, and the next one goes on."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from notifier.policy.retention import Retention
from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.log import Filter
from notifier.store.models import Attempt, Delivery, Event, Figure, Notification, NotificationEvent
from notifier.store.operate import Operate
from tests.pipeline.line import at_once
from tests.stack import ROOT
from tests.store.past import Past, ago, store_told

PEOPLE = 600
PURGE = """
import sys
from tests.store.past import Past
from notifier.store.database import Database
past = Past(Database(sys.argv[1]))
past.purger.purge(lambda rows: print(rows, flush=True))
"""
OUTCOMES = (("email", State.SENT, None, 1), ("push", State.SKIPPED, Reason.NO_ADDRESS), ("feed", State.SENT))


@pytest.fixture
def past(database: Database, monkeypatch: pytest.MonkeyPatch) -> Past:
    """Many people were told long ago, and are purged a few at a time."""
    past = Past(database)
    for start in range(0, PEOPLE, 200):
        with database.write() as connection:
            for number in range(start, start + 200):
                store_told(connection, ago(100 + number % 5), OUTCOMES, user=f"u{number}", events=1)
    return past


def whole(past: Past) -> bool:
    """Whether nothing is left that belongs to something that is gone."""
    with past.database.read() as connection:

        def orphans(table: type, column: object, of: object) -> int:
            return connection.scalar(select(func.count()).select_from(table).where(column.not_in(select(of)))) or 0  # type: ignore[attr-defined]

        left = (
            orphans(Attempt, Attempt.delivery_id, Delivery.id),
            orphans(Notification, Notification.id, Delivery.notification_id),
            orphans(NotificationEvent, NotificationEvent.notification_id, Notification.id),
            orphans(Delivery, Delivery.notification_id, Notification.id),
        )
    return left == (0, 0, 0, 0)


def test_a_purge_that_is_killed_leaves_the_books_balanced_and_the_next_one_goes_on(past: Past):
    url = past.database.url.render_as_string(hide_password=False)
    seen: list[int] = []
    for transactions in (2, 3, 5, 8):
        command = [sys.executable, "-c", PURGE, url]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
        )
        assert process.stdout is not None
        for _ in range(transactions):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        seen.append(past.rows(Delivery))
        books = past.books()
        assert books.balanced, books
        assert {channel.accepted for channel in books.channels.values()} == {PEOPLE}
        assert whole(past)
    assert 0 < seen[0] < PEOPLE * len(OUTCOMES)
    assert seen == sorted(seen, reverse=True)
    past.purge()
    assert past.rows(Delivery) == past.rows(Event) == 0
    assert past.books().balanced
    with past.database.read() as connection:
        counted, purged = connection.execute(select(func.sum(Figure.counted), func.sum(Figure.purged))).one()
    assert counted == purged == PEOPLE * len(OUTCOMES)


def test_two_purges_at_once_delete_everything_once(past: Past):
    found = at_once(*[past.purger.purge] * 3)
    found.append(past.purge())  # what each passed over because another held it
    assert sum(freed.purged.deliveries for freed in found) == PEOPLE * len(OUTCOMES)
    assert past.rows(Delivery) == past.rows(Event) == 0
    assert past.books().balanced


def test_people_are_told_and_failures_are_sent_again_while_a_purge_runs(past: Past):
    failed = [
        one
        for number in range(30)
        for one in past.told(ago(89), ("email", State.FAILED, Reason.REFUSED), user=f"f{number}")
    ]
    past.retention = Retention(failed=88)
    stop = threading.Event()

    def tell() -> int:
        count = 0
        while not stop.is_set() or count < 20:
            past.told(datetime.now(UTC), ("email", State.QUEUED), user=f"n{count}")
            count += 1
        return count

    def send_again() -> int:
        count = 0
        for one in failed:
            with past.database.write() as connection:
                count += len(Operate(connection).retry(Filter(), 1, past.now, only=one))
        return count

    def purge() -> None:
        try:
            past.purge()
        finally:
            stop.set()

    told, again, _ = at_once(tell, send_again, purge)
    assert past.books().balanced
    assert whole(past)
    with past.database.read() as connection:
        queued = connection.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == State.QUEUED))
    assert queued == told + again
