"""Whichever process is killed while digests are due: each person gets one, with all that waited and nothing twice.

A mail that was on its way when its worker was killed may come again, with the same Message-ID; those are counted.
"""

import os
import random
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlalchemy import func, select

from notifier.policy.words import State
from notifier.store.building import frozen_items
from notifier.store.database import Database
from notifier.store.models import Delivery, Digest
from tests.stack import Stack, eventually

ITEMS = 3  # for each person
BATCH = 500
EIGHT = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), hour(8), UTC)
# Digests that were taken, or rung for, by somebody who died are taken up again after a minute.
AGAIN = timedelta(minutes=3)
LONG = int(os.environ.get("CHAOS") or 0)


def shift(moment: datetime) -> str:
    """The setting with which it is that moment now."""
    return str((moment - datetime.now(UTC)).total_seconds())


def wait_for_eight(stack: Stack, people: int) -> None:
    """Let so many people have their items wait for the digest of eight o'clock, two hours ahead."""
    stack.restart(CLOCK_SHIFT=shift(EIGHT - timedelta(hours=2)))
    users = [{"id": f"p{n}", "name": f"P {n}", "email": f"p{n}@app.example"} for n in range(people)]
    for some in batches(users):
        reply = stack.call("PUT", "/v1/users/batch", {"users": some})
        assert not [one for one in reply.json["results"] if "problem" in one], reply.text
    for some in batches([like(n, item) for item in range(ITEMS) for n in range(people)]):
        reply = stack.call("POST", "/v1/events/batch", {"events": some})
        assert not [one for one in reply.json["results"] if "problem" in one], reply.text
    eventually(lambda: stack.books()["events"]["unplanned"] == 0, 60 + people / 20)
    assert stack.books()["channels"]["email"]["waiting"] == people * ITEMS


def batches(bodies: list[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    for first in range(0, len(bodies), BATCH):
        yield bodies[first : first + BATCH]


def like(person: int, item: int) -> dict[str, object]:
    post = f"{person}-{item}"
    thing = {"id": f"post-{post}", "type": "post", "name": f"Picture {post}", "owner": f"p{person}"}
    return {"type": "like", "data": {"actor": {"id": f"fan-{item}", "name": f"Fan {item}"}, "object": thing}}


@contextmanager
def a_second_scheduler(stack: Stack) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """One more scheduler, as on a second machine; whoever kills it puts its successor into the list."""
    running = [stack.beside("scheduler")]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def kill_beside(stack: Stack, running: list["subprocess.Popen[bytes]"]) -> None:
    running[-1].kill()
    running[-1].wait()
    running.append(stack.beside("scheduler"))


def strike(stack: Stack, role: str) -> int:
    """Kill the processes of a role; how many mails were under way in it, or not on record yet."""
    in_flight = stack.mail.open_connections
    for pid in stack.pids[role]:
        with suppress(ProcessLookupError):  # struck a moment ago, and not replaced yet
            os.kill(pid, signal.SIGKILL)
    return in_flight + unrecorded(stack) if role == "worker" else 0


def unrecorded(stack: Stack) -> int:
    """How many mails came that do not stand as sent."""
    messages = select(func.count()).where(Delivery.state == State.SENT, Delivery.carried_by.is_(None))
    with opened(stack) as database, database.read() as connection:
        recorded = connection.scalar(messages.where(Delivery.channel == "email")) or 0
    # Behind the record: to read them takes so long that the killed one's successor sends and records meanwhile.
    came = list(stack.mail.mails)
    return len({message_from_bytes(mail.content)["Message-ID"] for mail in came}) - recorded


@contextmanager
def opened(stack: Stack) -> Iterator[Database]:
    """The service's database."""
    database = Database(stack.database_url)
    yield database
    database.close()


def mails(stack: Stack) -> dict[str, list[EmailMessage]]:
    """All that came, by recipient."""
    found: dict[str, list[EmailMessage]] = {}
    for mail in list(stack.mail.mails):
        message = message_from_bytes(mail.content, policy=default)
        found.setdefault(mail.recipients[0].partition("@")[0], []).append(message)  # type: ignore[arg-type]  # of that policy
    return found


def each_got_one(stack: Stack, people: int) -> int:
    """Everybody has one mail, of exactly their items; gives how many came again with the same Message-ID."""
    found = mails(stack)
    assert len(found) == people, f"{people - len(found)} missing"
    doubles = 0
    for who, came in found.items():
        assert len({mail["Message-ID"] for mail in came}) == 1, f"{who} has several"
        assert all(told(mail) == {f"{who[1:]}-{item}" for item in range(ITEMS)} for mail in came), who
        doubles += len(came) - 1
    each_is_on_record(stack, people)
    return doubles


def told(mail: EmailMessage) -> set[str]:
    """The things of which it tells, each of them once."""
    body = mail.get_body(("plain",))
    assert body is not None
    lines = [line for line in str(body.get_content()).splitlines() if "Fan " in line]
    things = re.findall(r"Picture (\d+-\d+)", "\n".join(lines))
    assert len(things) == len(set(things)), lines
    return set(things)


def each_is_on_record(stack: Stack, people: int) -> None:
    """One built digest each, which froze what was sent; and nothing else waits or is due."""
    with opened(stack) as database, database.read() as connection:
        digests = connection.execute(select(Digest)).all()
        sent = connection.execute(select(Delivery.digest_id, Delivery.id).where(Delivery.channel == "email")).all()
    assert Counter(row.state for row in digests) == {"built": people}
    assert len({row.user_id for row in digests}) == people
    items: dict[str, set[str]] = {}
    for row in sent:
        items.setdefault(row.digest_id, set()).add(row.id)
    assert all(set(frozen_items(row.items)) == items[row.id] for row in digests)


def test_a_scheduler_and_a_worker_killed_halfway_and_two_schedulers_at_once(stack: Stack):
    people = 150
    wait_for_eight(stack, people)
    stack.mail.fail("dot", delay=0.05)
    stack.restart(CLOCK_SHIFT=shift(EIGHT + timedelta(seconds=1)))
    with a_second_scheduler(stack) as beside:
        strike(stack, "scheduler")
        eventually(lambda: len(stack.mail.mails) > people / 10)
        kill_beside(stack, beside)
        under_way = strike(stack, "worker")
        strike(stack, "scheduler")
        assert len(stack.mail.mails) < people, "the worker was killed too late"
        stack.mail.heal()
        stack.restart(CLOCK_SHIFT=shift(EIGHT + AGAIN))
        stack.at_rest(60)
    doubles = each_got_one(stack, people)
    assert doubles <= under_way, f"{doubles} came again, {under_way} were under way"


@pytest.mark.skipif(not LONG, reason="minutes of kills for each database; set CHAOS=1")
@pytest.mark.timeout(1_500)
@pytest.mark.parametrize("seed", range(max(LONG, 1)))
def test_8000_digests_0_missing_0_doubled_whoever_is_killed(stack: Stack, seed: int):
    people, chance, kills, under_way = 8_000, random.Random(seed), Counter[str](), 0
    wait_for_eight(stack, people)
    stack.mail.fail("dot", delay=0.01)
    stack.restart(CLOCK_SHIFT=shift(EIGHT + timedelta(seconds=1)))
    with a_second_scheduler(stack) as beside:
        strike(stack, "scheduler")
        while (came := len(stack.mail.mails)) < 0.9 * people:
            # Something was sent since the last one: who is killed sooner than it has begun proves little.
            enough = came + chance.randint(50, 400)
            eventually(lambda enough=enough: len(stack.mail.mails) > enough, 300)
            role = chance.choice(("scheduler", "worker", "beside"))
            kills[role] += 1
            if role == "beside":
                kill_beside(stack, beside)
            else:
                under_way += strike(stack, role)
        stack.at_rest(600)
    doubles = each_got_one(stack, people)
    print(  # noqa: T201 (the figures are what it is run for)
        f"\nseed {seed}: {kills.total()} kills {dict(kills)}, {people} digests, 0 missing, 0 built twice, "
        f"{doubles} mails came again of {under_way} that were under way or not on record when their worker was killed"
    )
    assert doubles <= under_way
