"""The record of what was done, to be read: newest first, filtered, a page at a time. Nothing here changes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from notifier.store.database import Database
from notifier.store.models import Audit
from notifier.store.types import id_at

CHUNK = 1_000  # rows of an export in one transaction


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for. An action that ends in `.` stands for all that begin so; a subject need not be whole."""

    who: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody did something."""

    id: str
    at: datetime
    who: str
    action: str
    subject: str


class AuditLog:
    """The record, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: AuditFilter, most: int, before: str = "") -> list[AuditEntry]:
        """At most so many entries, newest first, older than the entry `before`."""
        query = select(Audit).where(*_conditions(wanted)).order_by(Audit.id.desc()).limit(most)
        if before:
            query = query.where(Audit.id < before)
        rows = self._connection.execute(query)
        return [AuditEntry(row.id, row.at, row.who, row.action, row.subject) for row in rows]

    def actions(self) -> list[str]:
        """The actions that are on record, by name."""
        found: list[str] = []
        # From one to the next by the index: DISTINCT would walk through every row.
        while (name := self._next_action(found[-1] if found else "")) is not None:
            found.append(name)
        return found

    def _next_action(self, after: str) -> str | None:
        return self._connection.scalar(select(Audit.action).where(Audit.action > after).order_by(Audit.action).limit(1))


def walk(database: Database, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """All entries, newest first, in short transactions: whoever reads slowly holds nobody up."""
    before = ""
    while True:
        with database.read() as connection:
            found = AuditLog(connection).page(wanted, CHUNK, before)
        yield from found
        if len(found) < CHUNK:
            return
        before = found[-1].id


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.who:
        found.append(Audit.who == wanted.who)
    if wanted.action.endswith("."):
        found.append(Audit.action.startswith(wanted.action, autoescape=True))
    elif wanted.action:
        found.append(Audit.action == wanted.action)
    if wanted.subject:
        found.append(Audit.subject.contains(wanted.subject, autoescape=True))
    if wanted.since:
        found.append(Audit.id >= id_at("aud", wanted.since))
    if wanted.until:
        found.append(Audit.id < id_at("aud", wanted.until))
    return found
