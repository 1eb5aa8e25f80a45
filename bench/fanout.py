"""One post to 100,000 followers: what a planned delivery costs, beside ORM objects and one task for each."""

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from celery import Celery
from sqlalchemy import String, create_engine, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.databases import apart, scratch, servers, skipped
from bench.figures import Figure, Measured
from bench.meter import cpu_seconds, forget_peak, peak_mb
from bench.running import redis
from notifier.app.home import CATALOGUE
from notifier.pipeline.plan import Planner, PlanSettings
from notifier.policy.catalogue import read_catalogue
from notifier.store.database import Database
from notifier.store.intake import Intake, NewEvent
from notifier.store.models import Relation
from notifier.store.schema import migrate
from notifier.store.types import new_id

FOLLOWERS = 100_000
CHANNELS = 3  # deliveries for each: mail, push and feed
FEW = 200
TUTORIAL = 10_000  # deliveries of the baseline, whose cost for each does not depend on their number
MOST_US = 40.0
MOST_MB = 30.0
MOST_MS = 100.0


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU µs per delivery in client and database, MB by which the process grew, longest transaction in ms."""

    us: float
    mb: float
    ms: float = 0.0


def measure(rounds: int) -> Measured:
    """Each run is a process of its own, so that its memory is its own."""
    figures: list[Figure] = []
    with scratch() as folder, redis(folder) as (_, broker):
        for server in servers(folder):
            ours, theirs = [], []
            for _ in range(rounds):
                url = server.empty()
                # By another process: what it let go of again would be there for the plan to use.
                posts = apart(_posts, url)
                ours.append(apart(_ours, url, server.pids, posts))
                theirs.append(apart(_tutorial, server.empty(), server.pids, broker))
            figures += _figures(server.kind, ours, theirs)
    return Measured(tuple(figures), skipped("fanout"))


def _figures(kind: str, ours: list[Cost], theirs: list[Cost]) -> list[Figure]:
    against = "ORM add_all, one task each"
    us = [tuple(cost.us for cost in costs) for costs in (ours, theirs)]
    mb = [tuple(cost.mb for cost in costs) for costs in (ours, theirs)]
    ms = tuple(cost.ms for cost in ours)
    return [
        Figure(f"fanout {kind}", "µs CPU/delivery", us[0], us[1], against, most=MOST_US),
        Figure(f"fanout {kind}, memory", "MB more", mb[0], mb[1], f"{against}, {TUTORIAL:,} of them", most=MOST_MB),
        Figure(f"fanout {kind}, longest transaction", "ms", ms, ms, "itself", most=MOST_MS),
    ]


def _posts(url: str) -> tuple[str, str]:
    """A post to a few and one to many."""
    database = Database(url)
    migrate(database)
    return _post(database, "zoe", FEW), _post(database, "ana", FOLLOWERS)


def _ours(url: str, pids: tuple[int, ...], posts: tuple[str, str]) -> Cost:
    database, (warm, event) = Database(url), posts
    planner = Planner(
        database,
        read_catalogue(CATALOGUE.read_text()),
        PlanSettings(("feed",), ("push",), 1),
        lambda: datetime.now(UTC),
    )
    list(planner.plan([warm]))  # what a worker that has planned before holds already
    forget_peak()
    before, held, longest = cpu_seconds(os.getpid(), *pids), peak_mb(), 0.0
    began = time.monotonic()
    for _ in planner.plan([event]):
        ended = time.monotonic()
        longest, began = max(longest, ended - began), ended
    spent = cpu_seconds(os.getpid(), *pids) - before
    return Cost(spent / FOLLOWERS / CHANNELS * 1e6, peak_mb() - held, longest * 1e3)


def _post(database: Database, author: str, followers: int) -> str:
    """Followers of an author, and the post that is told to them."""
    now, event = datetime.now(UTC), new_id("evt")
    with database.write() as connection:
        for start in range(0, followers, 5_000):
            rows = [
                {"user_id": f"f{number:06}", "kind": "follow", "other": author, "created_at": now}
                for number in range(start, min(start + 5_000, followers))
            ]
            connection.execute(insert(Relation), rows)
    body = json.dumps({"actor": {"id": author}, "object": {"id": f"p-{author}", "type": "post"}}).encode()
    names, overdue = ("post.created", author, f"p-{author}", ""), now + timedelta(hours=1)
    Intake(database).accept(NewEvent(event, new_id("app"), event, b"h" * 32, *names, body, now, now, overdue))
    return event


def _tutorial(url: str, pids: tuple[int, ...], broker: str) -> Cost:
    engine = create_engine(url)
    _Base.metadata.create_all(engine)
    celery = Celery("tutorial", broker=broker, set_as_current=False)
    forget_peak()
    before, held = cpu_seconds(os.getpid(), *pids), peak_mb()
    with Session(engine) as session:
        rows = [_Row(user=f"f{number:06}", channel="email", state="queued") for number in range(TUTORIAL)]
        session.add_all(rows)
        session.commit()
        for row in rows:
            celery.send_task("deliver", args=[row.id])
    return Cost((cpu_seconds(os.getpid(), *pids) - before) / TUTORIAL * 1e6, peak_mb() - held)


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
    __tablename__ = "tutorial_deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(String(255), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
