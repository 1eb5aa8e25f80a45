"""From POST to the relay's yes, of urgent events: while 100,000 bulk mails wait, beside nothing waiting."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import func, insert, select

from bench.databases import scratch, servers, skipped
from bench.figures import Figure, Measured
from bench.running import PYTHON, running, wait_until
from bench.sink import smtp_sink
from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.models import Address, Attempt, Delivery, Event, NotificationEvent, Preference, Relation, User
from notifier.store.types import new_id

FOLLOWERS = 100_000
URGENT = 120  # events of each phase
WARM = 10
EVERY = 0.15  # seconds from one to the next
SLOWER = 3.0  # times, that an urgent event may take behind all that waits


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: how to post to it, and its database."""

    connection: HTTPConnection
    key: str
    database: Database

    def post(self, event: dict[str, Any]) -> str:
        """Post it; gives its id."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        self.connection.request("POST", "/v1/events", json.dumps(event), headers)
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 202:
            raise SystemExit(f"An urgent event was refused: {answer.status} {body}")
        return str(body["id"])


def measure(rounds: int) -> Measured:
    """Each round is a service of its own, on each kind of database."""
    figures: list[Figure] = []
    with scratch() as folder:
        for server in servers(folder):
            idle, behind = [], []
            for number in range(rounds):
                with service(folder / f"{server.kind}{number}", server.elsewhere()) as running_service:
                    idle.append(phase(running_service))
                    behind.append(_behind(running_service))
            figures += _figures(server.kind, idle, behind)
    return Measured(tuple(figures), skipped("latency"))


def _figures(kind: str, idle: list[list[float]], behind: list[list[float]]) -> Iterator[Figure]:
    for name, take in (("p50", median), ("p99", lambda all_: quantiles(all_, n=100)[98])):
        ours = tuple(take(phase) for phase in behind)
        theirs = tuple(take(phase) for phase in idle)
        title = f"urgent {kind} behind {FOLLOWERS:,}, {name}"
        yield Figure(title, "ms", ours, theirs, "nothing waiting", goal=1 / SLOWER if name == "p99" else None)


@contextmanager
def service(folder: Path, url: str) -> Iterator[Service]:
    folder.mkdir()
    ready, data = folder / "ready.json", folder / "data"
    with smtp_sink() as port:
        env = {"DATA_DIR": str(data), "DATABASE_URL": url, "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(port)}
        command = [PYTHON, "-m", "notifier", "up", "--port", "0", "--ready-file", str(ready)]
        with running(command, folder=folder, ready=ready.exists, env=env | {"MAIL_USE_TLS": "0"}):
            found = json.loads(ready.read_text())
            database = Database(url or f"sqlite:///{data.resolve() / 'notifier.db'}")
            _settle_people(database)
            connection = HTTPConnection(found["url"].removeprefix("http://"), timeout=60)
            yield Service(connection, found["app"]["key"], database)
            database.close()


def _settle_people(database: Database) -> None:
    """Followers who want each post by mail at once."""
    now = datetime.now(UTC)
    for start in range(0, FOLLOWERS, 2_000):
        names = [f"f{number:06}" for number in range(start, start + 2_000)]
        rows: dict[Any, list[dict[str, Any]]] = {
            User: [{"id": name, "created_at": now, "updated_at": now} for name in names],
            Address: [_mailbox(name, now) for name in names],
            Preference: [
                {
                    "user_id": name,
                    "type": "post.created",
                    "channel": "email",
                    "cadence": "instant",
                    "changed_at": now,
                    "changed_by": "bench",
                }
                for name in names
            ],
            Relation: [{"user_id": name, "kind": "follow", "other": "ana", "created_at": now} for name in names],
        }
        with database.write() as connection:
            for table, values in rows.items():
                connection.execute(insert(table), values)


def _mailbox(name: str, now: datetime) -> dict[str, Any]:
    value = f"{name}@app.example"
    named = {"id": new_id("sub"), "user_id": name, "channel": "email", "value": value, "fingerprint": name}
    return named | {"key_id": "", "created_at": now, "gone_why": ""}


def _behind(service: Service) -> list[float]:
    """The same while a post to all followers is planned and sent."""
    service.post({"type": "post", "data": {"actor": {"id": "ana"}, "object": {"id": "p-1", "type": "post"}}})
    wait_until(lambda: _waiting(service) > 1_000)
    taken = phase(service)
    if not _waiting(service):
        raise SystemExit("All bulk mails were sent before the urgent ones were measured; nothing was overtaken.")
    return taken


def phase(service: Service) -> list[float]:
    """Milliseconds from POST to the relay's yes, event by event."""
    posted: dict[str, datetime] = {}
    for number in range(WARM + URGENT):
        began, moment = time.monotonic(), datetime.now(UTC)
        event = {"type": "mention", "data": {"actor": {"id": "zoe"}, "object": {"id": "c-1"}, "to": [f"f{number:06}"]}}
        posted[service.post(event)] = moment
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))
    wait_until(lambda: len(_answered(service, posted)) == len(posted))
    answered = _answered(service, posted)
    return [(answered[event] - at).total_seconds() * 1e3 for event, at in posted.items()][WARM:]


def _answered(service: Service, events: dict[str, datetime]) -> dict[str, datetime]:
    """When the relay took the mail of each event."""
    query = (
        select(NotificationEvent.event_id, Attempt.started_at, Attempt.ms)
        .join(Delivery, Delivery.notification_id == NotificationEvent.notification_id)
        .join(Attempt, Attempt.delivery_id == Delivery.id)
        .where(NotificationEvent.event_id.in_(list(events)), Delivery.state == State.SENT)
    )
    with service.database.read() as connection:
        rows = connection.execute(query).all()
    return {event: datetime.fromtimestamp(at.timestamp() + ms / 1e3, UTC) for event, at, ms in rows}


def _waiting(service: Service) -> int:
    """Bulk mails that are planned and not sent."""
    unplanned = select(func.count()).select_from(Event).where(Event.planned_at.is_(None), Event.type == "post.created")
    queued = select(func.count()).where(Delivery.queue == "bulk", Delivery.state == State.QUEUED)
    with service.database.read() as connection:
        return (connection.scalar(queued) or 0) + FOLLOWERS * (connection.scalar(unplanned) or 0)
