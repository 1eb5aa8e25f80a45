"""Taking events in: one statement stores them, and a repeated key meets the row that is already there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from notifier.store.database import Database, DatabaseAway
from notifier.store.group import GroupCommit
from notifier.store.types import PREFIX, id_octets, key_of, stored_hex

COLUMNS = (
    *("id", "app_id", "key", "body_hash", "type", "actor", "object", "target"),
    *("body", "occurred_at", "accepted_at", "due_at", "door"),
)
GROUP = 200  # rows in one statement; SQLite allows 32,766 parameters


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was checked and is to be stored. `key` is the sender's idempotency key, one name space per app.

    `body` is the JSON of `data` as received, `body_hash` the SHA-256 of the whole body's canonical form, `door` how it
    came in.
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
    door: str = ""


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
        self._dialect = _SQLITE if database.on_sqlite else _POSTGRES

    def accept(self, event: NewEvent) -> Accepted:
        """Store the event durably; returns after the commit. Raises `DatabaseAway`."""
        return self._group.submit(event)

    def accept_all(self, events: Sequence[NewEvent]) -> list[Accepted]:
        """Store the events in one transaction, one result for each, in order. Raises `DatabaseAway`."""
        # The same order in every process: two that take in the same keys wait for one another and do not deadlock.
        ordered = sorted(events, key=attrgetter("app", "key"))
        with self._database.raw() as connection:
            cursor = self._dialect.cursor(connection)
            groups = [ordered[start : start + GROUP] for start in range(0, len(ordered), GROUP)]
            stored = {new for group in groups for new in self._store(cursor, group)}
            rest = [event for event in events if event.id[4:] not in stored]
            first = self._first(cursor, rest) if rest else {}
            connection.commit()
        return [
            Accepted(event.id) if event.id[4:] in stored else _repeated(event, first[event.app, event.key])
            for event in events
        ]

    def _store(self, cursor: Any, events: Sequence[NewEvent]) -> list[str]:
        """Insert what is new; gives the ids of that, without their prefix."""
        cursor.execute(_insert(self._dialect, len(events)), [value for event in events for value in self._row(event)])
        return [stored_hex(row[0]) for row in cursor.fetchall()]

    def _first(self, cursor: Any, events: Sequence[NewEvent]) -> dict[tuple[str, str], tuple[str, bytes]]:
        """The event and body hash that stand under each of these keys."""
        cursor.execute(
            _find(self._dialect, len(events)),
            [value for event in events for value in (self._dialect.id(event.app), event.key)],
        )
        found = cursor.fetchall()
        return {(key_of("app", app), key): (key_of("evt", id_), bytes(hash_)) for app, key, id_, hash_ in found}

    def _row(self, event: NewEvent) -> tuple[Any, ...]:
        to_id, to_time = self._dialect.id, self._dialect.time
        return (
            to_id(event.id),
            to_id(event.app),
            event.key,
            event.body_hash,
            event.type,
            event.actor,
            event.object,
            event.target,
            event.body,
            to_time(event.occurred_at),
            to_time(event.accepted_at),
            to_time(event.due_at),
            event.door,
        )


class _Sqlite:
    """How the driver of SQLite is spoken to, without SQLAlchemy in between."""

    ID = "BLOB"

    @staticmethod
    def cursor(connection: Any) -> Any:
        return connection.cursor()

    @staticmethod
    def mark(_number: int) -> str:
        return "?"

    @staticmethod
    def id(id: str) -> bytes:
        return id_octets(id)

    @staticmethod
    @lru_cache(maxsize=GROUP)
    def time(moment: datetime) -> str:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class _Postgres:
    """How psycopg is spoken to: with the server's own marks, because it takes longer to find those of Python."""

    ID = "uuid"

    @staticmethod
    def cursor(connection: Any) -> Any:
        import psycopg  # here: it is 9 MB that nobody needs who is on SQLite

        return psycopg.RawCursor(connection.driver_connection)

    @staticmethod
    def mark(number: int) -> str:
        return f"${number}"

    @staticmethod
    def id(id: str) -> str:
        return id[PREFIX:]

    @staticmethod
    def time(moment: datetime) -> datetime:
        return moment


_SQLITE, _POSTGRES = _Sqlite(), _Postgres()


def _repeated(event: NewEvent, first: tuple[str, bytes]) -> Accepted:
    first_id, body_hash = first
    return Accepted(first_id, duplicate=True, reused=body_hash != event.body_hash)


@lru_cache(maxsize=2 * GROUP)
def _insert(dialect: _Sqlite | _Postgres, rows: int) -> str:
    width = len(COLUMNS)
    marks = [dialect.mark(number + 1) for number in range(rows * width)]
    values = ", ".join(f"({', '.join(marks[start : start + width])}, 0)" for start in range(0, len(marks), width))
    return (
        f"INSERT INTO events ({', '.join(COLUMNS)}, plan_cursor) VALUES {values} "  # noqa: S608 (marks only)
        "ON CONFLICT (app_id, key) DO NOTHING RETURNING id"
    )


def _find(dialect: _Sqlite | _Postgres, keys: int) -> str:
    pairs = ", ".join(
        f"(CAST({dialect.mark(number)} AS {dialect.ID}), {dialect.mark(number + 1)})"
        for number in range(1, 2 * keys, 2)
    )
    return f"SELECT app_id, key, id, body_hash FROM events WHERE (app_id, key) IN (VALUES {pairs})"  # noqa: S608 (marks only)
