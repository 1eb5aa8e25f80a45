"""A purge of 500,000 rows: what a row costs, how long its longest transaction lasts, and who is kept waiting by it."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from bench.databases import Server, scratch, servers, skipped
from bench.figures import Figure, Measured
from bench.latency import phase, service
from bench.meter import cpu_seconds
from bench.running import PYTHON, ROOT
from notifier.pipeline.purge import Purger
from notifier.pipeline.rollup import Roller
from notifier.policy.retention import Retention
from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.books import count_books
from notifier.store.bulk import insert_rows
from notifier.store.database import Database
from notifier.store.models import Attempt, Delivery, Event, Notification, NotificationEvent
from notifier.store.planning import tally
from notifier.store.schema import migrate
from notifier.store.types import id_at, new_id

PEOPLE = 83_400  # each has 3 deliveries, a try, a notification, and was told of an event: 6 rows
ROWS = PEOPLE * 6
DAYS = 20  # over which they were told
OLDEST = 120
CHUNK = 2_000
MOST_US = 60.0
MOST_MS = 100.0
SLOWER = 1.5  # times, that an urgent event may take while a purge runs
OUTCOMES = (("email", State.SENT, None), ("push", State.SKIPPED, Reason.NO_ADDRESS), ("feed", State.SENT, None))


def measure(rounds: int) -> Measured:
    """Each round has a service of its own, on each kind of database."""
    figures: list[Figure] = []
    with scratch() as folder:
        for server in servers(folder):
            figures += _alone(server, rounds)
            figures += _beside(server, rounds)
    return Measured(tuple(figures), skipped("purge"))


def _alone(server: Server, rounds: int) -> Iterator[Figure]:
    """What it costs where nobody else writes; and the books of what is there before and after."""
    us, ms, books = [], [], []
    for _ in range(rounds):
        database = Database(server.empty())
        migrate(database)
        _fill(database)
        before = _books_ms(database)
        spent = cpu_seconds(os.getpid(), *server.pids)
        freed = Purger(database, Retention(), Roller(database), ("feed",), lambda: datetime.now(UTC)).purge()
        us.append((cpu_seconds(os.getpid(), *server.pids) - spent) / freed.purged.rows * 1e6)
        ms.append(freed.longest * 1e3)
        books.append((before, _books_ms(database)))
        database.close()
    yield Figure(f"purge {server.kind}, {ROWS:,} rows", "µs CPU/row", tuple(us), tuple(us), "itself", most=MOST_US)
    yield Figure(f"purge {server.kind}, longest transaction", "ms", tuple(ms), tuple(ms), "itself", most=MOST_MS)
    after = tuple(one for _, one in books)
    yield Figure(
        f"books {server.kind}, after", "ms", after, tuple(one for one, _ in books), f"{PEOPLE * 3:,} deliveries there"
    )


def _beside(server: Server, rounds: int) -> Iterator[Figure]:
    """From POST to the relay's yes, of urgent events: while a purge runs, beside none."""
    idle, beside = [], []
    for number in range(rounds):
        url, place = server.elsewhere(), server.folder / f"beside-{server.kind}{number}"
        with service(place, url) as running:
            _fill(running.database)
            idle.append(phase(running))
            with _purging(place, url):
                beside.append(phase(running))
    for name, take in (("p50", median), ("p99", lambda all_: quantiles(all_, n=100)[98])):
        ours, theirs = tuple(map(take, beside)), tuple(map(take, idle))
        goal = 1 / SLOWER if name == "p50" else None
        yield Figure(f"urgent {server.kind} beside a purge, {name}", "ms", ours, theirs, "no purge", goal=goal)


@contextmanager
def _purging(place: Path, url: str) -> Iterator[None]:
    """`notifier purge` meanwhile; where it is over before this is left, that is said."""
    stop = threading.Event()
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(place / "data"), "DATABASE_URL": url}

    def purge() -> None:
        subprocess.run([PYTHON, "-m", "notifier", "purge", "--json"], cwd=ROOT, env=env, stdout=-3, check=True)
        if not stop.is_set():
            print("  The purge was over before all was measured; the rest is as without one.", flush=True)

    thread = threading.Thread(target=purge)
    thread.start()
    time.sleep(2.0)  # its start
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _fill(database: Database) -> None:
    """So many people who were told of one event each, long ago."""
    app, start = new_id("app"), datetime.now(UTC) - timedelta(days=OLDEST)
    for first in range(0, PEOPLE, CHUNK):
        with database.write() as connection:
            number, at = changes.number(connection), start + timedelta(days=DAYS * first / PEOPLE)
            some = [f"p{one:06}" for one in range(first, min(first + CHUNK, PEOPLE))]
            event, notifications = _id("evt", at), [_id("ntf", at) for _ in some]
            insert_rows(connection, Event, [_event(event, app, at, number, len(some))])
            insert_rows(connection, Notification, [_item(*one, at) for one in zip(notifications, some, strict=True)])
            told = [{"event_id": event, "user_id": who, "notification_id": its, "round": 1}
                    for who, its in zip(some, notifications, strict=True)]  # fmt: skip
            insert_rows(connection, NotificationEvent, told)
            for channel, state, reason in OUTCOMES:
                fate = {"app_id": app, "channel": channel, "state": state, "reason": reason, "change": number}
                rows = [_delivery(*one, at) | fate for one in zip(notifications, some, strict=True)]
                insert_rows(connection, Delivery, rows)
                tally(connection, [channel] * len(rows), at)
            tries = [_try(row["id"], at) for row in rows]
            insert_rows(connection, Attempt, tries)


def _event(id: str, app: str, at: datetime, change: int, people: int) -> dict[str, object]:
    body = b'{"actor": {"id": "ana"}, "object": {"id": "p-1", "type": "post"}}'
    named = {"id": id, "app_id": app, "key": id, "body_hash": b"h" * 32, "type": "post.created", "body": body}
    times = {"occurred_at": at, "accepted_at": at, "due_at": at, "planned_at": at}
    return named | times | {"plan_cursor": people, "plan_after": "", "change": change}


def _item(id: str, user: str, at: datetime) -> dict[str, object]:
    times = {"opened_at": at, "ended_at": at, "feed_at": at, "changed_at": at}
    return {"id": id, "user_id": user, "type": "post.created", "fold": "", "round": 1, "total": 1} | times


def _delivery(notification: str, user: str, at: datetime) -> dict[str, object]:
    named = {"id": _id("dlv", at), "notification_id": notification, "user_id": user, "type": "post.created"}
    return named | {"queue": "bulk", "wanted_at": at, "created_at": at, "sent_at": at, "tries": 1, "last_code": "250"}


def _try(delivery: object, at: datetime) -> dict[str, object]:
    said = {"ms": 12, "outcome": "Delivered", "code": "250", "text": "2.0.0 Ok: queued as 4A1B2C3D4E", "worker": "w:1"}
    return {"id": _id("att", at), "delivery_id": delivery, "started_at": at} | said


def _id(prefix: str, at: datetime) -> str:
    return id_at(prefix, at)[:16] + new_id(prefix)[16:]


def _books_ms(database: Database) -> float:
    began = time.monotonic()
    with database.read() as connection:
        if not count_books(connection).balanced:
            raise SystemExit("The books do not balance.")
    return (time.monotonic() - began) * 1e3
