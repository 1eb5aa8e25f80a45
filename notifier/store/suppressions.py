"""Addresses to which nothing is sent any more: which they are, since when and why; and how one is lifted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Tuple, literal, select, tuple_, update

from notifier.store.database import Database
from notifier.store.directory import Contact, contact_of
from notifier.store.gone import CROWDED_OUT, REMOVED
from notifier.store.models import IS_GONE, Address

PAGE = 500  # addresses of one transaction of an export
LOOKED = 20_000  # addresses that one page looks at, however rare what is sought


_ORDER = Address.gone_at.desc(), Address.id.desc()


class Cause(StrEnum):
    """Who gave an address up."""

    REFUSED = "refused"  # its provider, for good
    REMOVED = "removed"  # its person
    CROWDED_OUT = "crowded_out"  # we, for a newer device


@dataclass(frozen=True, slots=True)
class Sought:
    """Which addresses to show; empty parts do not narrow. `text` stands in the reason, whatever its case."""

    channel: str = ""
    cause: Cause | None = None
    text: str = ""
    before: Contact | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page, and the address behind which the next one begins; None where there is none.

    `looked_to` is how far it looked (aware UTC), where it stopped before it was full.
    """

    contacts: list[Contact]
    next: Contact | None = None
    looked_to: datetime | None = None


class Suppressions:
    """All about addresses that are gone, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, sought: Sought, most: int) -> Sheet:
        """Up to `most` of those sought, the latest first."""
        floor = self._floor(sought)
        bound = [_place() >= _place(floor)] if floor else []
        query = select(Address).where(IS_GONE, *_conditions(sought), *bound).order_by(*_ORDER).limit(most + 1)
        found = [contact_of(row) for row in self._connection.execute(query)]
        if len(found) > most:
            return Sheet(found[:most], found[most - 1])
        return Sheet(found, floor, floor.gone_at if floor else None)

    def _floor(self, sought: Sought) -> Contact | None:
        """The last address that a page looks at; None where it comes to an end before, or looks at what it shows."""
        if sought == Sought(before=sought.before):
            return None
        window = _conditions(Sought(before=sought.before))
        query = select(Address).where(IS_GONE, *window).order_by(*_ORDER).offset(LOOKED - 1).limit(1)
        row = self._connection.execute(query).one_or_none()
        return contact_of(row) if row else None

    def find(self, id: str) -> Contact | None:
        """The address of that id where it is gone, or None."""
        row = self._connection.execute(select(Address).where(IS_GONE, Address.id == id)).one_or_none()
        return contact_of(row) if row else None

    def lift(self, id: str) -> bool:
        """Send to an address again that its provider refused; False where it is not one of these any more."""
        refused = Address.gone_why.not_in((REMOVED, CROWDED_OUT))
        lifted = self._connection.execute(
            update(Address).where(IS_GONE, Address.id == id, refused).values(gone_at=None, gone_why="")
        )
        return lifted.rowcount == 1


def all_of(database: Database, sought: Sought) -> Iterator[Contact]:
    """Every address that is sought, the latest first; each page is read in a transaction of its own."""
    while True:
        with database.read() as connection:
            found = Suppressions(connection).page(sought, PAGE)
        yield from found.contacts
        if found.next is None:
            return
        sought = replace(sought, before=found.next)


def _place(of: Contact | None = None) -> Tuple:
    """Where an address stands in the order: the column, or that of one address."""
    if of is None:
        return tuple_(Address.gone_at, Address.id)
    return tuple_(literal(of.gone_at, Address.gone_at.type), literal(of.id, Address.id.type))


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if sought.channel:
        # With nothing added, so that no database looks for it in an index of channels: most addresses there are live.
        found.append(Address.channel.concat("").in_((sought.channel,)))
    match sought.cause:
        case Cause.REFUSED:
            found.append(Address.gone_why.not_in((REMOVED, CROWDED_OUT)))
        case Cause.REMOVED:
            found.append(Address.gone_why == REMOVED)
        case Cause.CROWDED_OUT:
            found.append(Address.gone_why == CROWDED_OUT)
    if sought.text:
        found.append(Address.gone_why.icontains(sought.text, autoescape=True))
    if sought.before:
        found.append(_place() < _place(sought.before))
    return found
