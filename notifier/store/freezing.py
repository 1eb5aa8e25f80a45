"""Freezing: what waits for digests that are being built, with all that decides whether it is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, UpdateBase, or_, select, update

from notifier.policy.bundles import Bundle, carriers
from notifier.policy.decide import Reach
from notifier.store.bulk import update_each
from notifier.store.bundling import CARRIES
from notifier.store.claims import ITS_ADDRESS, ITS_CHOICE, NEWEST, reach_by
from notifier.store.database import Collided
from notifier.store.facts import Facts
from notifier.store.models import WAITS, Address, Delivery, Notification, NotificationEvent, Preference
from notifier.store.sql import AnyRow, chunked, within
from notifier.store.told import Gathered, Telling

_STILL_WAITS = f"{WAITS.text} AND digest_id IS NOT NULL AND carried_by IS NULL"
# PostgreSQL knows no largest of several keys.
_NEWEST = (
    select(NotificationEvent.event_id)
    .where(
        NotificationEvent.notification_id == Delivery.notification_id,
        NotificationEvent.undone_at.is_(None),
        NotificationEvent.round >= Delivery.first_round,
        or_(Delivery.last_round.is_(None), NotificationEvent.round <= Delivery.last_round),
    )
    .order_by(NotificationEvent.event_id.desc())
    .limit(1)
    .correlate(Delivery)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class _Statements:
    """The statements of one kind of database, made once: to make one takes as long as to run it."""

    find: Select[*tuple[Any, ...]]
    newest: Select[*tuple[Any, ...]]
    close: UpdateBase


@lru_cache
def _statements(dialect: str) -> _Statements:
    on_postgresql = dialect == "postgresql"
    items = (
        WAITS,
        Delivery.carried_by.is_(None),
        within(Delivery.digest_id, "digests", on_postgresql=on_postgresql),
    )
    find = (
        select(
            Delivery.id,
            Delivery.user_id,
            Delivery.channel,
            Delivery.type,
            Delivery.queue,
            Delivery.address_id,
            Delivery.digest_id,
            Delivery.first_round,
            Delivery.last_round,
            Delivery.notification_id,
            Notification.round,
            Notification.read_at,
            Notification.undone_at,
            Address.value,
            Address.gone_at,
            Address.gone_why,
            Preference.cadence,
            CARRIES,
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .join(Address, ITS_ADDRESS, isouter=True)
        .join(Preference, ITS_CHOICE, isouter=True)
        .where(within(Delivery.user_id, "users", on_postgresql=on_postgresql), *items)
        .order_by(Notification.id)
    )
    newest = select(Delivery.id, _NEWEST.label("newest")).where(within(Delivery.id, "ids", on_postgresql=on_postgresql))
    close = (
        update(Notification)
        .where(within(Notification.id, "ids", on_postgresql=on_postgresql))
        .values(round=Notification.round + 1)
    )
    return _Statements(find.with_for_update(key_share=True, of=Notification) if on_postgresql else find, newest, close)


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery that waits for a digest that is being built, locked with its notification.

    `newest` is the newest event that is news in it, empty where nothing is left. `told` is read only of people who
    block or mute anything, together with the blocks and mutes that may concern it.
    """

    id: str
    digest: str
    user: str
    channel: str
    type: str
    queue: str
    address: str | None
    reach: Reach
    cadence: str  # the person's own choice now; empty where they made none
    read: bool
    undone: bool
    notification: str
    first_round: int
    last_round: int  # the round told at its first claim, or else the one that is open now
    is_round_open: bool
    newest: str
    carries: bool
    told: Gathered | None = None


class Freezing:
    """Freezes in the transaction of the given connection, which has locked the digests and their people."""

    def __init__(self, connection: Connection, replacing: Collection[str]) -> None:
        self._connection = connection
        self._replacing = replacing

    def find(self, digests: Collection[str], users: Collection[str]) -> list[Found]:
        """All that waits for these digests of these people, in the order of the ids."""
        statements = _statements(self._connection.dialect.name)
        given = {"digests": sorted(digests), "users": sorted(users)}
        rows = self._connection.execute(statements.find, given).all()
        newest: dict[str, str | None] = {}
        for some in chunked(row.id for row in rows):
            newest |= {row.id: row.newest for row in self._connection.execute(statements.newest, {"ids": some})}
        read = self._told_to_the_picky(rows, users)
        return [_found(row, newest[row.id] or "", read.get(row.id)) for row in sorted(rows, key=attrgetter("id"))]

    def freeze(self, found: Sequence[Found], bundles: Sequence[Bundle], now: datetime) -> None:
        """Freeze what was found: what joins from now on belongs to a later digest. Each carrier carries the others.

        Raises `Collided` where somebody cancelled one, or sent it by itself, while its notification was waited for.
        """
        carrier = carriers(bundles)
        rounds = {one.id: {"last_round": one.last_round, "carried_by": carrier.get(one.id)} for one in found}
        # It is as fresh as its digest, however late that one comes.
        fresh = {"wanted_at": now, "due_at": None}
        for some in chunked(rounds.items()):
            if update_each(self._connection, Delivery.id, dict(some), fresh, _STILL_WAITS) < len(some):
                raise Collided("what waited for a digest went another way")
        for open_ in chunked(sorted({one.notification for one in found if one.is_round_open})):
            self._connection.execute(_statements(self._connection.dialect.name).close, {"ids": open_})

    def _told_to_the_picky(self, rows: Sequence[AnyRow], users: Collection[str]) -> Mapping[str, Gathered]:
        """What is told to people who block or mute anything. Most do not, and nothing is read for them."""
        picky = Facts(self._connection).picky(users)
        ids = [row.id for row in rows if row.user_id in picky]
        if not ids:
            return {}
        columns = (Delivery.id, Delivery.channel, Delivery.notification_id, Delivery.first_round, Delivery.last_round)
        theirs: list[AnyRow] = []
        for some in chunked(ids):
            theirs += self._connection.execute(select(*columns).where(Delivery.id.in_(some)))
        return Telling(self._connection, self._replacing, NEWEST, open_too=True).gathered(theirs)


def _found(row: AnyRow, newest: str, told: Gathered | None) -> Found:
    return Found(
        id=row.id,
        digest=row.digest_id,
        user=row.user_id,
        channel=row.channel,
        type=row.type,
        queue=row.queue,
        address=row.address_id,
        reach=reach_by(row, row),
        cadence=row.cadence or "",
        read=row.read_at is not None,
        undone=row.undone_at is not None,
        notification=row.notification_id,
        first_round=row.first_round,
        last_round=row.round if row.last_round is None else row.last_round,
        is_round_open=row.last_round is None,
        newest=newest,
        carries=row.carries,
        told=told,
    )
