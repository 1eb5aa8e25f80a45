"""CPU per accepted event, in server and database: ours as `notifier web` runs it, beside the tutorial's view."""

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure, Measured
from bench.load import Request, drive, post
from bench.meter import cpu_seconds
from bench.running import PYTHON, free_port, listens, redis, running
from notifier.channels.push import new_private_key
from notifier.policy.signature import sign
from notifier.store.apps import Apps, Credentials
from notifier.store.database import Database
from notifier.store.schema import migrate
from tests.conftest import NO_POSTGRES, Postgres

CONNECTIONS = 16
EVENTS = 1_500  # of one round
BATCH = 100
BATCHED = 12_000  # of one round, in batches: they cost so little that fewer could not be measured
WARM = 200
GOAL, BATCH_GOAL = 3.0, 40.0
SETTLE = 0.3  # seconds: what the last answers left to be done in the background


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test: where it listens, whose CPU counts, and how a round's requests are made."""

    port: int
    pids: tuple[int, ...]
    requests: Callable[[int], list[Request]]
    each: int = 1  # events in one request
    events: int = EVENTS  # of one round

    def cost(self, events: int = 0) -> float:
        """CPU µs per event, of so many or of a whole round."""
        events = events or self.events
        requests = self.requests(events // self.each)
        before = cpu_seconds(*self.pids)
        drive(self.port, requests, connections=CONNECTIONS, expect=202)
        time.sleep(SETTLE)
        return (cpu_seconds(*self.pids) - before) / events * 1e6


def measure(rounds: int) -> Measured:
    """Every server is up during the whole run; in each round each gets its events in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench", dir="/tmp")))
        _, broker = stack.enter_context(redis(folder))
        contenders = {"hello": stack.enter_context(_hello(folder))}
        for kind, urls, database_pids in _databases(folder, stack):
            contenders[f"tutorial {kind}"] = stack.enter_context(_tutorial(folder, urls[0], broker, database_pids))
            contenders |= stack.enter_context(_ours(kind, folder, url=urls[1], broker=broker, pids=database_pids))
        for contender in contenders.values():
            contender.cost(WARM)
        costs: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                costs[name].append(contender.cost())
    return Measured(tuple(_figures(costs)), (f"ingest on PostgreSQL: {NO_POSTGRES}",) if NO_POSTGRES else ())


def _figures(costs: Mapping[str, list[float]]) -> Iterator[Figure]:
    hello = tuple(costs["hello"])
    for name in (name for name in costs if name.startswith("ours")):
        ours, kind = tuple(costs[name]), name.split()[1].rstrip(",")
        tutorial = tuple(costs[f"tutorial {kind}"])
        title = "ingest" + name.removeprefix("ours")
        goal = BATCH_GOAL if "batch" in name else GOAL
        yield Figure(title, "µs CPU/event", ours, tutorial, "Flask view, ORM insert, commit, delay()", goal=goal)
        if "batch" not in name:
            yield Figure(title, "µs CPU/event", ours, hello, "bare Flask hello, gunicorn gthread")


def _databases(folder: Path, stack: ExitStack) -> Iterator[tuple[str, list[str], tuple[int, ...]]]:
    """Each kind of database: two empty ones, and the processes that belong to it."""
    yield "sqlite", [f"sqlite:///{folder / name}.db" for name in ("tutorial", "ours")], ()
    if NO_POSTGRES:
        return
    server = Postgres(folder / "pg")
    stack.callback(server.stop)
    postmaster = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
    yield "postgresql", [server.empty(), server.empty()], (postmaster,)


@contextmanager
def _hello(folder: Path) -> Iterator[Contender]:
    port = free_port()
    with running(_gunicorn("bench.tutorial.hello:app", port), folder=folder, ready=lambda: listens(port)) as pid:
        yield Contender(port, (pid,), lambda count: [post("/hello", b"{}")] * count)


@contextmanager
def _tutorial(folder: Path, url: str, broker: str, pids: tuple[int, ...]) -> Iterator[Contender]:
    port, env = free_port(), {"DATABASE_URL": url, "BROKER_URL": broker}
    command = _gunicorn("bench.tutorial.app:app", port)
    with running(command, folder=folder, ready=lambda: listens(port), env=env) as pid:
        yield Contender(port, (pid, *pids), lambda count: [post("/webhooks", a_comment()) for _ in range(count)])


@contextmanager
def _ours(kind: str, folder: Path, *, url: str, broker: str, pids: tuple[int, ...]) -> Iterator[dict[str, Contender]]:
    app, port = _new_app(url), free_port()
    command = [PYTHON, "-m", "notifier", "web", "--bind", f"127.0.0.1:{port}"]
    with running(command, folder=folder, ready=lambda: listens(port), env=_settings(folder, url, broker)) as pid:
        yield {
            f"ours {kind}": Contender(port, (pid, *pids), lambda count: [_signed(app) for _ in range(count)]),
            f"ours {kind}, batch of {BATCH}": Contender(
                port, (pid, *pids), lambda count: [_batch(app) for _ in range(count)], BATCH, BATCHED
            ),
        }


def _gunicorn(app: str, port: int) -> list[str]:
    options = ["--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    return [PYTHON, "-m", "gunicorn", *options, app]


def _settings(folder: Path, url: str, broker: str) -> dict[str, str]:
    return {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": url,
        "BROKER_URL": broker,
        "SECRET_KEY": uuid.uuid4().hex,
        "VAPID_PRIVATE_KEY": new_private_key(),
        "MAX_UNPLANNED": "10000000",  # nobody plans here
    }


def _new_app(url: str) -> Credentials:
    database = Database(url)
    migrate(database)
    with database.write() as connection:
        app = Apps(connection).create("bench", datetime.now(UTC))
    database.close()
    return app


def _signed(app: Credentials) -> Request:
    body, key, now = a_comment(), uuid.uuid4().hex, int(time.time())
    signature = sign(body, id=key, timestamp=now, secret=app.secret)
    headers = (f"webhook-id: {key}", f"webhook-timestamp: {now}", f"webhook-signature: {signature}")
    return post(f"/v1/hooks/{app.app}", body, headers)


def _batch(app: Credentials) -> Request:
    """A batch with the app's key, each event with an idempotency key of its own."""
    events = [json.loads(a_comment()) | {"id": uuid.uuid4().hex} for _ in range(BATCH)]
    body = json.dumps({"events": events}).encode()
    return post("/v1/events/batch", body, (f"Authorization: Bearer {app.key}",))


def a_comment() -> bytes:
    """An event as an app would post it."""
    comment = uuid.uuid4().hex[:12]
    actor = {
        "id": "ana",
        "name": "Ana",
        "avatar": "https://app.example/ana.jpg",
        "url": "https://app.example/ana",
    }
    object_ = {"id": f"c-{comment}", "type": "comment", "content": "What a sky! Where was that?"}
    post_ = {"id": "post-7", "type": "post", "name": "Sunset", "url": "https://app.example/p/7", "owner": "bob"}
    object_["url"] = f"https://app.example/p/7#{comment}"
    data = {"actor": actor, "object": object_, "target": post_}
    return json.dumps({"type": "comment.created", "data": data}).encode()
