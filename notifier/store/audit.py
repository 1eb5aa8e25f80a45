"""The record of what was done, to be read: newest first, filtered, a page at a time. Nothing here changes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from notifier.store.database import Database
from notifier.store.models import Audit
from notifier.store.types import id_at, moment_of

CHUNK = 1_000  # rows of an export in one transaction
LOOKED = 20_000  # entries that one page looks at, however rare what is sought


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for. An action that ends in `.` stands for all that begin so; a subject need not be whole."""

    who: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_sought(self) -> bool:
        """Whether entries must be looked at one by one to see whether they are meant."""
        return bool(self.subject or self.action.endswith(".") or (self.who and self.action))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody did something."""

    id: str
    at: datetime
    who: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page, and the entry behind which the next one begins; empty where there is none.

    With `looked_to` (aware UTC) it stopped there before it was full.
    """

    entries: list[AuditEntry]
    next: str = ""
    looked_to: datetime | None = None


class AuditLog:
    """The record, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: AuditFilter, most: int, before: str = "") -> AuditPage:
        """At most so many entries, newest first, older than the entry `before`."""
        older = [Audit.id < before] if before else []
        floor = self._floor(wanted, older)
        bound = [Audit.id >= floor] if floor else []
        query = select(Audit).where(*_conditions(wanted), *older, *bound).order_by(Audit.id.desc()).limit(most + 1)
        rows = self._connection.execute(query)
        found = [AuditEntry(row.id, row.at, row.who, row.action, row.subject) for row in rows]
        if len(found) > most:
            return AuditPage(found[:most], found[most - 1].id)
        return AuditPage(found, floor, moment_of(floor) if floor else None)

    def _floor(self, wanted: AuditFilter, older: list[ColumnElement[bool]]) -> str:
        """The last entry that a page looks at; empty where it ends before, or an index finds all that it shows."""
        if not wanted.is_sought:
            return ""
        window = *_conditions(AuditFilter(since=wanted.since, until=wanted.until)), *older
        query = select(Audit.id).where(*window).order_by(Audit.id.desc()).offset(LOOKED - 1).limit(1)
        return self._connection.scalar(query) or ""

    def count(self, who: str, action: str, since: datetime) -> int:
        """How often they did so since then."""
        its = Audit.who == who, Audit.action == action, Audit.id >= id_at("aud", since)
        return self._connection.scalar(select(func.count()).select_from(Audit).where(*its)) or 0

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
        yield from found.entries
        if not found.next:
            return
        before = found.next


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
