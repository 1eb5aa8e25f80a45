"""Browsing: the log a page at a time in both directions, each page at a bounded cost whatever the filter.

A filter that no index serves is looked for in so many deliveries at most; the page then says how far it looked, and the
next one goes on from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, literal_column, select

from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.log import Entry, Filter, Log, conditions
from notifier.store.models import Delivery
from notifier.store.types import id_after, id_before

LOOKED_AT = 8_000  # deliveries of one page
CHUNK = 500  # deliveries of an export that are read at once


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page. `newer` and `older` are the ids that the neighbouring pages end and begin at; empty: there is none.

    With `looked_to` the page is not full because it looked no further than to that delivery.
    """

    entries: tuple[Entry, ...] = ()
    newer: str = ""
    older: str = ""
    looked_to: str = ""


class Browsing:
    """Reads pages in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._log = Log(connection)

    def older(self, wanted: Filter, limit: int) -> Sheet:
        """The newest page of the filter, or the one that begins after `wanted.before`."""
        floor = self._bound(wanted)
        found = self._log.rows(replace(wanted, after=floor or wanted.after), limit + 1)
        entries, more = tuple(found[:limit]), len(found) > limit
        older = entries[-1].id if more else id_after(floor) if floor else ""
        newer = (entries[0].id if entries else wanted.before) if wanted.before else ""
        return Sheet(entries, newer, older, looked_to=floor if floor and not more else "")

    def newer(self, wanted: Filter, limit: int) -> Sheet:
        """The page that ends before `wanted.after`: what came next, as newest first."""
        ceiling = self._bound(wanted, oldest_first=True)
        found = self._log.rows(replace(wanted, before=ceiling or wanted.before), limit + 1, oldest_first=True)
        entries = tuple(reversed(found[:limit]))
        if len(found) <= limit and not ceiling:
            return self.older(replace(wanted, after="", before=""), limit)  # the first page, and a full one
        newer = entries[0].id if len(found) > limit else id_before(ceiling)
        return Sheet(entries, newer, entries[-1].id if entries else id_after(wanted.after))

    def newest(self, wanted: Filter, after: str, most: int) -> int:
        """How many of the filter have come after that delivery; counts no further than `most`."""
        ceiling = self._bound(replace(wanted, after=after), oldest_first=True)
        query = select(Delivery.id).where(*conditions(replace(wanted, after=after, before=ceiling))).limit(most)
        return len(self._connection.scalars(query).all())

    def _bound(self, wanted: Filter, *, oldest_first: bool = False) -> str:
        """The delivery to which a page may look; empty where it need not stop, or comes to an end before."""
        driving = _driving(wanted)
        if driving is None:
            return ""
        window = Filter(since=wanted.since, until=wanted.until, before=wanted.before, after=wanted.after)
        order = Delivery.id.asc() if oldest_first else Delivery.id.desc()
        query = select(Delivery.id).where(*driving, *conditions(window)).order_by(order).offset(LOOKED_AT).limit(1)
        return self._connection.scalar(query) or ""


def export(database: Database, wanted: Filter, most: int) -> Iterator[list[Entry]]:
    """The filter's deliveries, newest first, some at a time.

    Each some in a transaction of its own: whoever reads them slowly keeps nobody waiting. What is planned meanwhile has
    a larger id and is not among them.
    """
    left = most
    while left > 0:
        with database.read() as connection:
            found = Log(connection).rows(wanted, min(CHUNK, left))
        if not found:
            return
        yield found
        wanted, left = replace(wanted, before=found[-1].id), left - len(found)


def _driving(wanted: Filter) -> list[ColumnElement[bool]] | None:
    """What an index finds of the filter, in the order of ids; None where nothing else narrows it, or next to nothing is
    found."""
    if wanted.event or wanted.digest or wanted.delivery or wanted.ids:
        return None
    rare = len(wanted.states) == 1 and wanted.states[0] != State.SENT
    others = [wanted.channels, wanted.types, wanted.reasons, wanted.codes, wanted.app]
    if wanted.user:
        return [Delivery.user_id == wanted.user] if any([*others, wanted.states]) else None
    if rare:
        its_state = [Delivery.state == wanted.states[0], Delivery.state != literal_column("'sent'")]
        return its_state if any(others) else None
    return [] if any([*others, wanted.states]) else None
