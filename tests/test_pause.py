"""A queue is paused, the whole service is killed meanwhile, and the queue goes on: nothing is lost or doubled."""

from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes

import pytest

from notifier.app.parts import now
from notifier.pipeline.pausing import Pausing
from notifier.store.database import Database
from notifier.store.workers import Workers
from tests.stack import Stack, comment, eventually

COUNT = 30


@pytest.fixture
def database(stack: Stack) -> Iterator[Database]:
    opened = Database(stack.database_url)
    yield opened
    opened.close()


def held(stack: Stack) -> int:
    """How many mails wait because their queue is paused."""
    return len(stack.deliveries(channel="email", state="waiting", reason="paused"))


def test_a_paused_queue_survives_kills_and_restarts_and_then_sends_each_mail_once(stack: Stack, database: Database):
    pausing = Pausing(database, now)
    stack.person("bob")
    pausing.pause("default", "the relay moves", who="ada@app.example")
    for _ in range(COUNT):
        stack.post(comment())
    eventually(lambda: held(stack) == COUNT)
    stack.kill("worker")
    stack.crash()
    stack.start()
    for _ in range(COUNT):
        stack.post(comment())
    eventually(lambda: held(stack) == 2 * COUNT)
    assert not stack.mail.mails
    pausing.resume("default", who="ada@app.example")
    stack.at_rest()
    ids = Counter(message_from_bytes(mail.content)["Message-ID"] for mail in stack.mail.mails)
    assert len(ids) == 2 * COUNT
    assert set(ids.values()) == {1}


def test_each_worker_is_heard_of_with_its_queues_and_leaves_when_it_ends(stack: Stack, database: Database):
    def alive() -> dict[str, str]:
        with database.read() as connection:
            return {one.queues: one.name for one in Workers(connection).crew(now()).alive}

    eventually(lambda: len(alive()) == 2)
    found = alive()
    assert set(found) == {"urgent", "default,bulk,digest,media"}
    assert {int(name.rpartition(":")[2]) for name in found.values()} == set(stack.pids["worker"])
    assert stack.call("GET", "/readyz").json["checks"]["workers"] == "ok"
    stack.stop()
    assert not alive()
    stack.start()
