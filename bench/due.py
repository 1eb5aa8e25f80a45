"""Digests over a million people: what the minute's tick costs, what each due one costs to find, and to build."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, update

from bench.databases import apart, scratch, servers, skipped
from bench.figures import Figure, Measured
from bench.meter import cpu_seconds
from notifier.app.home import CATALOGUE
from notifier.pipeline.digests import DigestBuilder
from notifier.pipeline.plan import Planner, PlanSettings
from notifier.pipeline.tickets import Ticket, build_tickets
from notifier.policy.catalogue import read_catalogue
from notifier.policy.words import Cadence
from notifier.store.bulk import insert_rows
from notifier.store.database import Database
from notifier.store.intake import Intake, NewEvent
from notifier.store.models import OPEN, Digest
from notifier.store.people import People
from notifier.store.schema import migrate
from notifier.store.types import new_id

PEOPLE = 1_000_000
DUE = 20_000
TICKS = 20_000
READERS = 500  # whose digests are built
ITEMS = 20
BARE = "SELECT 1 WHERE ? IS NOT NULL"
AT_ONCE = 50_000  # rows of one insert
MOST_IDLE_US, MOST_FOUND_US, MOST_BUILT_MS = 10.0, 20.0, 2.0
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of client and database: µs for a bare question, for a tick that finds nobody, for each that one finds; ms for
    each digest built.
    """

    bare_us: float
    idle_us: float
    found_us: float
    built_ms: float


def measure(rounds: int) -> Measured:
    """Each run is a process of its own, with a few people and with a million, in turn."""
    figures: list[Figure] = []
    with scratch() as folder:
        for server in servers(folder):
            many, few = [], []
            for _ in range(rounds):
                many.append(apart(_cost, server.empty(), server.pids, PEOPLE))
                few.append(apart(_cost, server.empty(), server.pids, DUE))
            figures += _figures(server.kind, many, few)
    return Measured(tuple(figures), skipped("due"))


def _figures(kind: str, many: list[Cost], few: list[Cost]) -> list[Figure]:
    against = f"the same with {DUE:,} people"
    bare, idle, found, built = (
        [tuple(getattr(cost, name) for cost in costs) for costs in (many, few)]
        for name in ("bare_us", "idle_us", "found_us", "built_ms")
    )
    return [
        Figure(f"digest tick {kind}, nobody due", "µs CPU", idle[0], bare[0], "SELECT 1", most=MOST_IDLE_US),
        Figure(f"digest tick {kind}, due", "µs CPU/person", found[0], found[1], against, most=MOST_FOUND_US),
        Figure(f"digest build {kind}, {ITEMS} items", "ms CPU", built[0], built[1], against, most=MOST_BUILT_MS),
    ]


def _cost(url: str, pids: tuple[int, ...], people: int) -> Cost:
    database, clock = Database(url), [NOON]
    migrate(database)
    for start in range(0, people, AT_ONCE):
        rows = [_waiting(number, people) for number in range(start, min(start + AT_ONCE, people))]
        with database.write() as connection:
            insert_rows(connection, Digest, rows)
    _settle(database)
    builder = DigestBuilder(
        database,
        read_catalogue(CATALOGUE.read_text()),
        ("email", "push"),
        ("push",),
        lambda: clock[0],
    )
    _tickets(builder)
    bare = _spent(pids, lambda: [database.ask(BARE, NOON) for _ in range(TICKS)]) / TICKS
    idle = _spent(pids, lambda: [_tickets(builder) for _ in range(TICKS)]) / TICKS
    clock[0] = NOON + HOUR
    found = _spent(pids, lambda: _tickets(builder)) / DUE
    clock[0] = NOON
    _let_wait(database, clock)
    clock[0] = NOON + timedelta(days=2)
    _only_readers(database, clock[0])
    _settle(database)
    tickets = _tickets(builder)
    assert sum(len(ticket.ids) for ticket in tickets) == READERS
    built = _spent(pids, lambda: [builder.build(ticket.ids) for ticket in tickets]) / READERS
    database.close()
    return Cost(bare * 1e6, idle * 1e6, found * 1e6, built * 1e3)


def _spent(pids: Sequence[int], work: Callable[[], Any]) -> float:
    before = cpu_seconds(os.getpid(), *pids)
    work()
    time.sleep(0.05)  # for the database to write down what it used
    return cpu_seconds(os.getpid(), *pids) - before


def _settle(database: Database) -> None:
    """What PostgreSQL does by itself within a minute after so many rows were added."""
    if not database.on_sqlite:
        engine = create_engine(database.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE) digests")
        engine.dispose()


def _tickets(builder: DigestBuilder) -> list[Ticket]:
    """What a tick rings for."""
    return [ticket for ids in builder.due() for ticket in build_tickets(ids)]


def _waiting(number: int, people: int) -> dict[str, Any]:
    """One person's open digest; `DUE` of all, evenly spread among the others, come within the hour."""
    due = NOON + (HOUR / 2 if number % (people // DUE) == 0 else timedelta(days=30))
    return {
        "id": new_id("dig"),
        "user_id": f"u{number:07}",
        "channel": "email",
        "cadence": Cadence.DAILY,
        "period": "2026-11-21",
        "state": OPEN,
        "due_at": due,
        "wanted_at": due,
        "items": "",
        "opened_at": NOON,
    }


def _let_wait(database: Database, clock: list[datetime]) -> None:
    """So many people with so many likes that wait for their digest."""
    readers = [f"reader{number}" for number in range(READERS)]
    with database.write() as connection:
        People(connection).save_all({reader: {} for reader in readers}, clock[0])
        People(connection).set_mailboxes({reader: f"{reader}@app.example" for reader in readers}, clock[0])
    catalogue = read_catalogue(CATALOGUE.read_text())
    planner = Planner(database, catalogue, PlanSettings(("feed",), ("push",), 1), lambda: clock[0])
    intake, app = Intake(database), new_id("app")
    events = [_like(reader, number) for reader in readers for number in range(ITEMS)]
    for id_, object_, body in events:
        names, overdue = ("like.created", "ana", object_, ""), clock[0] + HOUR
        intake.accept(NewEvent(id_, app, id_, b"h" * 32, *names, body, clock[0], clock[0], overdue))
    for start in range(0, len(events), 200):
        list(planner.plan([id_ for id_, _, _ in events[start : start + 200]]))


def _like(reader: str, number: int) -> tuple[str, str, bytes]:
    thing = f"post-{reader}-{number}"
    data = {
        "actor": {"id": "ana", "name": "Ana", "avatar": "https://app.example/a.jpg"},
        "object": {"id": thing, "type": "post", "name": f"Sunset {number}", "owner": reader},
    }
    return new_id("evt"), thing, json.dumps(data).encode()


def _only_readers(database: Database, now: datetime) -> None:
    with database.write() as connection:
        others = Digest.user_id.not_like("reader%")
        connection.execute(update(Digest).where(others, Digest.due_at <= now).values(due_at=now + timedelta(days=30)))
