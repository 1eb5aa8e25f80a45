"""The delivery log with a million deliveries: its pages in the database, and every admin page by the server's time."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import Connection, select

from bench.figures import Figure, Measured
from bench.log_rows import DELIVERIES, RARE, fill
from notifier.app.parts import Parts
from notifier.pipeline.pulse import Pulse
from notifier.policy.words import State
from notifier.store.admins import Admins, Role
from notifier.store.browsing import Browsing
from notifier.store.database import Database
from notifier.store.log import Filter, Log, conditions
from notifier.store.models import Delivery, Event
from notifier.store.schema import migrate
from notifier.web.admin.menu import MENU
from tests.web.api import make_parts

PAGE = 50
DEEP = 900_000
TIMES = 20
MOST_MS = 50.0
MOST_KB = 150.0
KB = 1_024


def measure(rounds: int) -> Measured:
    """One database on SQLite, asked in each round."""
    with tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as folder:
        parts = make_parts(Path(folder))
        migrate(parts.database)
        began = time.monotonic()
        fill(parts.database)
        Pulse(parts.database, parts.clock).beat()
        print(f"  {DELIVERIES:,} deliveries in {time.monotonic() - began:.0f} s", flush=True)
        figures = [*_in_the_database(parts.database, rounds), *_pages(parts, rounds)]
        parts.database.close()
    return Measured(tuple(figures))


def _in_the_database(database: Database, rounds: int) -> Iterator[Figure]:
    """Keyset beside OFFSET, for the same rows."""
    failed = Filter(states=(State.FAILED,), channels=("email",))
    with database.read() as connection:
        for name, wanted, skipped in (("first page", Filter(), 0), ("deep page", Filter(), DEEP),
                                      ("filtered page", failed, 9_000)):  # fmt: skip
            [before] = _offset(connection, wanted, skipped - 1, 1) if skipped else [""]
            key = Filter(wanted.states, wanted.channels, before=before)
            assert [entry.id for entry in Browsing(connection).older(key, PAGE).entries] == _offset(
                connection, wanted, skipped, PAGE
            )
            ours = tuple(_ms(lambda key=key: Browsing(connection).older(key, PAGE)) for _ in range(rounds))  # type: ignore[misc]
            theirs = tuple(
                _ms(lambda wanted=wanted, skipped=skipped: _by_offset(connection, wanted, skipped))  # type: ignore[misc]
                for _ in range(rounds)
            )
            goal = {"deep page": 5.0}.get(name)
            yield Figure(f"log, {name}", "ms", ours, theirs, f"OFFSET {skipped:,}", goal=goal, most=MOST_MS)


def _offset(connection: Connection, wanted: Filter, skipped: int, limit: int) -> list[str]:
    query = select(Delivery.id).where(*conditions(wanted)).order_by(Delivery.id.desc())
    return list(connection.scalars(query.offset(skipped).limit(limit)))


def _by_offset(connection: Connection, wanted: Filter, skipped: int) -> None:
    Log(connection).several(_offset(connection, wanted, skipped, PAGE))


def _pages(parts: Parts, rounds: int) -> Iterator[Figure]:
    """Every page of the menu, signed in; and what is asked of the log."""
    app = parts.server
    client = _signed_in(parts, app)
    with app.test_request_context():
        paths = {item.label: url_for(item.endpoint) for group in MENU for item in group.items}
    with parts.database.read() as connection:
        [one] = _offset(connection, Filter(channels=("email",)), 0, 1)
        cursor = re.findall(r'cursor=([^"&]+)', client.get("/admin/deliveries?window=all").text)[-1]
        event = connection.scalars(select(Event.id).order_by(Event.id.desc()).limit(1)).one()
    paths |= {
        "Overview, 7 days": "/admin?window=7d",
        "Deliveries, all, second page": f"/admin/deliveries?window=all&cursor={cursor}",
        "Deliveries, failed email": "/admin/deliveries?window=all&state=failed&channel=email",
        "Deliveries, of a rare type": f"/admin/deliveries?window=all&type={RARE}",
        "Deliveries, of a person": "/admin/deliveries?q=p000001",
        "Deliveries, of a person, failed": "/admin/deliveries?window=all&q=p000001&state=failed",
        "Delivery": f"/admin/deliveries/{one}",
        "Delivery, its message": f"/admin/deliveries/{one}?tab=text",
        "Event": f"/admin/events/{event}",
        "Events, of a rare type": f"/admin/events?type={RARE}",
        "Events, of a thing that nobody knows": "/admin/events?object=nothing",
        "Person": "/admin/people/p000001",
        "People, whose ids begin so": "/admin/people?q=p00",
        "Suppressions, for a reason that none has": "/admin/suppressions?q=nothing",
        "Suppressions, of a channel that has none": "/admin/suppressions?channel=email",
        "Audit, of a subject that none has": "/admin/audit?subject=nothing",
        "Jobs": "/admin/jobs",
    }
    for name, path in paths.items():
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        ours = tuple(_ms(lambda path=path: client.get(path)) for _ in range(rounds))  # type: ignore[misc]
        yield Figure(f"page {name}", "ms", ours, ours, "itself", most=MOST_MS)
        weight = (_weight(client, answer.text) / KB,)
        yield Figure(f"page {name}, first load", "KB", weight, weight, "itself", most=MOST_KB)


def _signed_in(parts: Parts, app: Flask) -> FlaskClient:
    with parts.database.write() as connection:
        admins = Admins(connection)
        token = admins.link(admins.save("bench@app.example", Role.OWNER, parts.clock()).id, parts.clock())
    client = app.test_client()
    assert client.get(f"/admin/login/once/{token}").status_code == 302
    return client


def _weight(client: FlaskClient, page: str) -> int:
    """The octets of a page with all that it loads, as the server gives them: not compressed."""
    assets = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    return len(page.encode()) + sum(len(client.get(asset).data) for asset in assets)


def _ms(work: Callable[[], object]) -> float:
    """The median of some times."""
    work()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1_000)
    return median(times)
