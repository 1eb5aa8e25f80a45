"""Taking events in: one statement stores them, and a repeated key meets the row that is already there."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from notifier.store.database import Database, DatabaseAway
from notifier.store.group import GroupCommit
from notifier.store.types import id_octets

COLUMNS = (
    *("id", "app_id", "key", "body_hash", "type", "actor", "object", "target"),
    *("body", "occurred_at", "accepted_at", "due_at"),
)
GROUP = 200  # rows in one statement; SQLite allows 32,766 parameters


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was checked and is to be stored. `key` is the sender's idempotency key, one name space per app.

    `body` is the JSON of `data` as received, `body_hash` the SHA-256 of the whole body's canonical form.
    """

    id: str
    app: str
    key: str
    body_hash: bytes
    type: str
    actor: str
    object: str
    target: str
    body: bytes
    occurred_at: datetime
    accepted_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of it: stored; or a duplicate of the event `id`; or, with another body, a reused key."""

    id: str
    duplicate: bool = False
    reused: bool = False


class Intake:
    """The hot path of accepting. Its two statements run on the driver's own connection, several events at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group = GroupCommit(self.accept_all, most=GROUP, fatal=(DatabaseAway,))
        self._mark = "?" if database.on_sqlite else "%s"

    def accept(self, event: NewEvent) -> Accepted:
        """Store the event durably; returns after the commit. Raises `DatabaseAway`."""
        return self._group.submit(event)

    def accept_all(self, events: list[NewEvent]) -> list[Accepted]:
        """Store up to `GROUP` events in one transaction, one result for each, in order. Raises `DatabaseAway`."""
        # The same order in every process: two that take in the same keys wait for one another and do not deadlock.
        ordered = sorted(events, key=attrgetter("app", "key"))
        with self._database.raw() as connection:
            cursor = connection.cursor()
            if self._database.on_sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            cursor.execute(_insert(self._mark, len(events)), [value for event in ordered for value in self._row(event)])
            stored = {_hex(row[0]) for row in cursor.fetchall()}
            rest = [event for event in events if event.id[4:] not in stored]
            first = self._first(cursor, rest) if rest else {}
            connection.commit()
        return [
            Accepted(event.id) if event.id[4:] in stored else _repeated(event, first[event.app, event.key])
            for event in events
        ]

    def _first(self, cursor: Any, events: list[NewEvent]) -> dict[tuple[str, str], tuple[str, bytes]]:
        """The event and body hash that stand under each of these keys."""
        pairs = ", ".join([f"({self._mark}, {self._mark})"] * len(events))
        cursor.execute(
            f"SELECT app_id, key, id, body_hash FROM events WHERE (app_id, key) IN (VALUES {pairs})",  # noqa: S608 (marks only)
            [value for event in events for value in (self._id(event.app), event.key)],
        )
        return {(f"app_{_hex(row[0])}", row[1]): (f"evt_{_hex(row[2])}", bytes(row[3])) for row in cursor.fetchall()}

    def _row(self, event: NewEvent) -> tuple[Any, ...]:
        return (
            self._id(event.id),
            self._id(event.app),
            event.key,
            event.body_hash,
            event.type,
            event.actor,
            event.object,
            event.target,
            event.body,
            self._time(event.occurred_at),
            self._time(event.accepted_at),
            self._time(event.due_at),
        )

    def _id(self, id: str) -> Any:
        return id_octets(id) if self._database.on_sqlite else uuid.UUID(hex=id[4:])

    def _time(self, moment: datetime) -> Any:
        if not self._database.on_sqlite:
            return moment
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _repeated(event: NewEvent, first: tuple[str, bytes]) -> Accepted:
    first_id, body_hash = first
    return Accepted(first_id, duplicate=True, reused=body_hash != event.body_hash)


def _hex(value: Any) -> str:
    hexed: str = value.hex if isinstance(value, uuid.UUID) else bytes(value).hex()
    return hexed


@lru_cache(maxsize=GROUP)
def _insert(mark: str, rows: int) -> str:
    row = f"({', '.join([mark] * len(COLUMNS))}, 0)"
    return (
        f"INSERT INTO events ({', '.join(COLUMNS)}, plan_cursor) VALUES {', '.join([row] * rows)} "  # noqa: S608 (marks only)
        "ON CONFLICT (app_id, key) DO NOTHING RETURNING id"
    )
