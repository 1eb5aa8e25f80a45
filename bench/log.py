"""The delivery log with a million deliveries: its pages in the database, and every admin page by the server's time."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import Connection, select

from bench.figures import Figure, Measured
from notifier.app.parts import Parts
from notifier.pipeline.pulse import Pulse
from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.admins import Admins, Role
from notifier.store.apps import SCOPES, Apps
from notifier.store.browsing import Browsing
from notifier.store.bulk import insert_rows
from notifier.store.database import Database
from notifier.store.log import Filter, Log, conditions
from notifier.store.models import Address, Attempt, Delivery, Event, Notification, NotificationEvent, User
from notifier.store.planning import tally
from notifier.store.schema import migrate
from notifier.store.types import id_at, new_id
from notifier.web.admin.menu import MENU
from tests.web.api import make_parts

DELIVERIES = 1_000_000
PEOPLE = 10_000
DAYS = 7
CHUNK = 2_500  # notifications in one transaction, of four deliveries each
PAGE = 50
DEEP = 900_000
TIMES = 20
MOST_MS = 50.0
MOST_KB = 150.0
KB = 1_024
RARE = "share.created"


def measure(rounds: int) -> Measured:
    """One database on SQLite, asked in each round."""
    with tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as folder:
        parts = make_parts(Path(folder))
        migrate(parts.database)
        began = time.monotonic()
        _fill(parts.database)
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
    paths |= {
        "Overview, 7 days": "/admin?window=7d",
        "Deliveries, all, second page": f"/admin/deliveries?window=all&cursor={cursor}",
        "Deliveries, failed email": "/admin/deliveries?window=all&state=failed&channel=email",
        "Deliveries, of a rare type": f"/admin/deliveries?window=all&type={RARE}",
        "Deliveries, of a person": "/admin/deliveries?q=p000001",
        "Delivery": f"/admin/deliveries/{one}",
        "Delivery, its message": f"/admin/deliveries/{one}?tab=text",
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


def _fill(database: Database) -> None:
    """A week of deliveries, four of each notification: most sent, some failed, skipped, or waiting."""
    start, total = datetime.now(UTC) - timedelta(days=DAYS), DELIVERIES // 4
    with database.write() as connection:
        app = Apps(connection).create("bench", start, SCOPES).app
        people = [f"p{number:06}" for number in range(PEOPLE)]
        mailboxes = [new_id("sub") for _ in people]
        insert_rows(connection, User, [_person(person, start) for person in people])
        rows = [_mailbox(id_, person, start) for id_, person in zip(mailboxes, people, strict=True)]
        insert_rows(connection, Address, rows)
    for first in range(0, total, CHUNK):
        with database.write() as connection:
            _chunk(connection, app, mailboxes, range(first, first + CHUNK), start, total)


def _chunk(connection: Connection, app: str, mailboxes: list[str], numbers: range, start: datetime, total: int) -> None:
    number, at = changes.number(connection), start + timedelta(days=DAYS * numbers.start / total)
    told = [(_id("evt", at), _id("ntf", at), one) for one in numbers]
    insert_rows(connection, Event, [_event(event, app, at, number) for event, _, _ in told])
    insert_rows(connection, Notification, [_notification(its, _who(one), at) for _, its, one in told])
    pairs = [{"event_id": event, "user_id": _who(one), "notification_id": its, "round": 1} for event, its, one in told]
    insert_rows(connection, NotificationEvent, pairs)
    rows = [row | {"app_id": app, "change": number}
            for _, its, one in told for row in _deliveries(its, one, mailboxes, at)]  # fmt: skip
    insert_rows(connection, Delivery, rows)
    tally(connection, [str(row["channel"]) for row in rows], at)
    insert_rows(connection, Attempt, [_attempt(row, at) for row in rows if row["state"] == State.FAILED])


def _deliveries(notification: str, number: int, mailboxes: list[str], at: datetime) -> Iterator[dict[str, object]]:
    failed = number % 25 == 0
    code, reason = ("550 5.1.1", Reason.ADDRESS_GONE) if number % 50 else ("421", Reason.GAVE_UP)
    mail = {"channel": "email", "address_id": mailboxes[number % PEOPLE]}
    fates: tuple[dict[str, object], ...] = (
        mail | ({"state": State.FAILED, "reason": reason, "last_code": code} if failed else _sent("250", at)),
        {"channel": "push", "address_id": None, "state": State.SKIPPED, "reason": Reason.NO_ADDRESS, "last_code": ""},
        {"channel": "push", "address_id": None} | _sent("201", at),
        {"channel": "feed", "address_id": None} | _sent("", at),
    )
    for fate in fates:
        named = {"id": _id("dlv", at), "notification_id": notification, "user_id": _who(number)}
        kind = {"type": RARE if number == 1 else "comment.created", "queue": "default", "rule": "default", "value": ""}
        times = {"wanted_at": at, "created_at": at, "sent_at": None, "due_at": None, "tries": 1}
        yield named | kind | times | {"first_round": 1, "last_round": 1} | fate


def _sent(code: str, at: datetime) -> dict[str, object]:
    return {"state": State.SENT, "reason": None, "last_code": code, "sent_at": at + timedelta(seconds=1)}


def _who(number: int) -> str:
    return f"p{number % PEOPLE:06}"


def _person(id: str, at: datetime) -> dict[str, object]:
    return {"id": id, "name": id.title(), "locale": "en", "timezone": "UTC", "created_at": at, "updated_at": at}


def _mailbox(id: str, person: str, at: datetime) -> dict[str, object]:
    address = {"id": id, "user_id": person, "channel": "email", "value": f"{person}@app.example", "created_at": at}
    return address | {"fingerprint": id, "key_id": "", "gone_why": ""}


def _event(id: str, app: str, at: datetime, change: int) -> dict[str, object]:
    body = b'{"actor": {"id": "ana"}, "object": {"id": "c-1", "type": "comment"}, "target": {"id": "p-1"}}'
    named = {"id": id, "app_id": app, "key": id, "body_hash": b"h" * 32, "type": "comment.created", "body": body}
    times = {"occurred_at": at, "accepted_at": at, "due_at": at, "planned_at": at}
    return named | times | {"plan_cursor": 1, "plan_after": "", "change": change}


def _notification(id: str, user: str, at: datetime) -> dict[str, object]:
    times = {"opened_at": at, "ended_at": at, "feed_at": at, "changed_at": at}
    return {"id": id, "user_id": user, "type": "comment.created", "fold": "", "round": 2, "total": 1} | times


def _attempt(row: dict[str, object], at: datetime) -> dict[str, object]:
    said = {"ms": 12, "outcome": "refused", "code": row["last_code"], "text": "no", "worker": "w:1"}
    return {"id": _id("att", at), "delivery_id": row["id"], "started_at": at} | said


def _id(prefix: str, at: datetime) -> str:
    return id_at(prefix, at)[:16] + new_id(prefix)[16:]
