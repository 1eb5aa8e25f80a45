"""A week of a million deliveries, with what stands beside them: people, addresses that are gone, an audit, queues."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.apps import SCOPES, Apps
from notifier.store.bulk import insert_rows
from notifier.store.database import Database
from notifier.store.models import Address, Attempt, Audit, Delivery, Event, Notification, NotificationEvent, User
from notifier.store.planning import tally
from notifier.store.types import id_at, new_id

DELIVERIES = 1_000_000
PEOPLE, MORE_PEOPLE = 10_000, 90_000  # those who are told, and those who only are there
GONE = 100_000  # devices
DONE = 100_000  # entries of the audit
DAYS = 7
CHUNK = 2_500  # notifications in one transaction, of four deliveries each
CODES = 12  # of those that gave up: each is a cause of dead letters
RARE = "share.created"


def fill(database: Database) -> None:
    """Store it all. Most was sent within some time; some failed, was skipped, is queued, or waits for its hour."""
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
    with database.write() as connection:
        _beside(connection, start)


def _beside(connection: Connection, start: datetime) -> None:
    each = timedelta(days=DAYS) / DONE
    insert_rows(connection, User, [_person(f"q{number:06}", start + each * number) for number in range(MORE_PEOPLE)])
    insert_rows(connection, Address, [_device(number, start + each * number) for number in range(GONE)])
    insert_rows(connection, Audit, [_done(number, start + each * number) for number in range(DONE)])


def _chunk(connection: Connection, app: str, mailboxes: list[str], numbers: range, start: datetime, total: int) -> None:
    change = changes.number(connection)
    times = {one: start + timedelta(days=DAYS * one / total) for one in numbers}
    told = [(_id("evt", at), _id("ntf", at), one, at) for one, at in times.items()]
    insert_rows(connection, Event, [_event(event, app, at, change) for event, _, _, at in told])
    insert_rows(connection, Notification, [_notification(its, _who(one), at) for _, its, one, at in told])
    pairs = [
        {"event_id": event, "user_id": _who(one), "notification_id": its, "round": 1} for event, its, one, _ in told
    ]
    insert_rows(connection, NotificationEvent, pairs)
    rows = [{"app_id": app, "change": change} | row
            for _, its, one, at in told for row in _deliveries(its, one, mailboxes, at)]  # fmt: skip
    insert_rows(connection, Delivery, rows)
    tally(connection, [str(row["channel"]) for row in rows], times[numbers.start])
    insert_rows(connection, Attempt, [_attempt(row) for row in rows if row["state"] == State.FAILED])


def _deliveries(notification: str, number: int, mailboxes: list[str], at: datetime) -> Iterator[dict[str, object]]:
    failed = number % 25 == 0
    gave_up = f"4{number // 50 % CODES:02}", Reason.GAVE_UP
    code, reason = ("550 5.1.1", Reason.ADDRESS_GONE) if number % 50 else gave_up
    mail = {"channel": "email", "address_id": mailboxes[number % PEOPLE]}
    fates: tuple[dict[str, object], ...] = (
        mail | ({"state": State.FAILED, "reason": reason, "last_code": code} if failed else _sent("250", number, at)),
        {"channel": "push", "address_id": None, "state": State.SKIPPED, "reason": Reason.NO_ADDRESS, "last_code": ""},
        {"channel": "push", "address_id": None} | (_unfinished(number) or _sent("201", number, at)),
        {"channel": "feed", "address_id": None} | _sent("", 0, at),
    )
    for fate in fates:
        named = {"id": _id("dlv", at), "notification_id": notification, "user_id": _who(number)}
        kind = {"type": RARE if number == 1 else "comment.created", "queue": "default", "rule": "default", "value": ""}
        times = {"wanted_at": at, "created_at": at, "sent_at": None, "due_at": None, "tries": 1}
        yield named | kind | times | {"first_round": 1, "last_round": 1} | fate


def _sent(code: str, number: int, at: datetime) -> dict[str, object]:
    took = timedelta(seconds=(number % 9) ** 3 / 10)
    return {"state": State.SENT, "reason": None, "last_code": code, "sent_at": at + took}


def _unfinished(number: int) -> dict[str, object]:
    """What a delivery still is that has not come to its end; most have."""
    now, waits = datetime.now(UTC), {"reason": None, "last_code": "", "change": None}
    if number % 25 == 1:
        return waits | {"state": State.QUEUED, "due_at": now + timedelta(minutes=1)}
    if number % 25 == 2:
        return waits | {"state": State.WAITING, "reason": Reason.QUIET_HOURS, "due_at": now + timedelta(hours=3)}
    return {}


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


def _attempt(row: dict[str, object]) -> dict[str, object]:
    at, said = row["created_at"], {"ms": 12, "outcome": "refused", "code": row["last_code"], "text": "no"}
    return {"id": _id("att", at), "delivery_id": row["id"], "started_at": at, "worker": "w:1"} | said  # type: ignore[arg-type]  # a moment


def _device(number: int, at: datetime) -> dict[str, object]:
    named = {"id": _id("sub", at), "user_id": _who(number), "channel": "push", "value": "", "fingerprint": str(number)}
    return named | {"key_id": "", "created_at": at, "gone_at": at, "gone_why": f"410 Gone: device {number % 7} expired"}


def _done(number: int, at: datetime) -> dict[str, object]:
    who, action = f"admin{number % 5}@app.example", ("delivery.retry", "user.export", "sign-in")[number % 3]
    return {
        "id": _id("aud", at),
        "at": at,
        "who": who,
        "action": action,
        "subject": f"{new_id('dlv')} of {_who(number)!r}",
    }


def _id(prefix: str, at: datetime) -> str:
    return id_at(prefix, at)[:16] + new_id(prefix)[16:]
