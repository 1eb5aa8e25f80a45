"""Freezing: what waits for digests that are being built, with all that decides whether it is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, UpdateBase, bindparam, or_, select, update

from notifier.policy.decide import Reach
from notifier.store.claims import ITS_ADDRESS, ITS_CHOICE, NEWEST, ROUND_TOLD, reach_by
from notifier.store.facts import Facts
from notifier.store.models import WAITS, Address, Delivery, Notification, NotificationEvent, Preference
from notifier.store.sql import AnyRow, chunked, within
from notifier.store.told import Gathered, Telling

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
    freeze: UpdateBase
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
            Notification.read_at,
            Notification.undone_at,
            Address.value,
            Address.gone_at,
            Address.gone_why,
            Preference.cadence,
        )
        .join(Notification, Notification.id == Delivery.notification_id)
        .join(Address, ITS_ADDRESS, isouter=True)
        .join(Preference, ITS_CHOICE, isouter=True)
        .where(within(Delivery.user_id, "users", on_postgresql=on_postgresql), *items)
        .order_by(Notification.id)
    )
    freeze = (
        update(Delivery)
        # Asked again: somebody may have cancelled one, or sent it by itself, while we waited for its notification.
        .where(within(Delivery.id, "ids", on_postgresql=on_postgresql), *items)
        # It is as fresh as its digest, however late that one comes.
        .values(last_round=ROUND_TOLD, wanted_at=bindparam("now"))
        .returning(Delivery.id, _NEWEST.label("newest"))
    )
    close = (
        update(Notification)
        .where(within(Notification.id, "ids", on_postgresql=on_postgresql))
        .values(round=Notification.round + 1)
    )
    return _Statements(find.with_for_update(key_share=True, of=Notification) if on_postgresql else find, freeze, close)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A delivery of a digest that is being built, locked with its notification.

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
    first_round: int
    newest: str
    told: Gathered | None = None


class Freezing:
    """Freezes in the transaction of the given connection, which has locked the digests and their people."""

    def __init__(self, connection: Connection, replacing: Collection[str]) -> None:
        self._connection = connection
        self._replacing = replacing

    def freeze(self, digests: Collection[str], users: Collection[str], now: datetime) -> list[Frozen]:
        """All that waits for these digests of these people; what joins from now on belongs to a later one."""
        statements = _statements(self._connection.dialect.name)
        given = {"digests": sorted(digests)}
        found = self._connection.execute(statements.find, given | {"users": sorted(users)}).all()
        newest: dict[str, str | None] = {}
        for some in chunked(row.id for row in found):
            frozen = self._connection.execute(statements.freeze, given | {"ids": some, "now": now})
            newest |= {row.id: row.newest for row in frozen}
        rows = [row for row in found if row.id in newest]
        for some in chunked(sorted({row.notification_id for row in rows if row.last_round is None})):
            self._connection.execute(statements.close, {"ids": some})
        read = self._told_to_the_picky(rows, users)
        return [_frozen(row, newest[row.id] or "", read.get(row.id)) for row in sorted(rows, key=attrgetter("id"))]

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
        return Telling(self._connection, self._replacing, NEWEST).gathered(theirs)


def _frozen(row: AnyRow, newest: str, told: Gathered | None) -> Frozen:
    return Frozen(
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
        first_round=row.first_round,
        newest=newest,
        told=told,
    )
