"""Claiming: one process alone gets a delivery, together with all that it must know to send it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, or_, select, update

from notifier.policy.calendar import Slot
from notifier.policy.decide import Reach, Rhythm
from notifier.policy.words import Cadence, State
from notifier.store.facts import rhythm_of
from notifier.store.gone import refused_for_good
from notifier.store.models import Address, Delivery, Digest, Notification, Preference, User
from notifier.store.pictures import Pictures
from notifier.store.sql import AnyRow, chunked, locked_all
from notifier.store.told import Gathered, Telling

NEWEST = 200  # events of one notification that are read whole; more are told of by their number
# The statements of every claim are made once: to make one takes as long as to run it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# Not the whole row: to read a column of fifty rows takes longer than to find them.
_TAKEN = (
    Delivery.id,
    Delivery.notification_id,
    Delivery.user_id,
    Delivery.type,
    Delivery.channel,
    Delivery.address_id,
    Delivery.queue,
    Delivery.value,
    Delivery.wanted_at,
    Delivery.first_round,
    Delivery.last_round,
    Delivery.carried_by,
    Delivery.digest_id,
    Delivery.tries,
    Delivery.last_code,
)
# A browser may have become another person's since: what it gets is theirs alone.
ITS_ADDRESS = and_(Address.id == Delivery.address_id, Address.user_id == Delivery.user_id)
ITS_CHOICE = and_(
    Preference.user_id == Delivery.user_id,
    Preference.type == Delivery.type,
    Preference.channel == Delivery.channel,
)
# The round that was told at the first claim, or else the one that is open now.
ROUND_TOLD = func.coalesce(
    Delivery.last_round,
    select(Notification.round).where(Notification.id == Delivery.notification_id).scalar_subquery(),
)
_TO_CLAIM = (
    select(
        Delivery.id,
        Delivery.carried_by,
        Delivery.notification_id,
        Notification.fold,
        Notification.round,
        Notification.read_at,
        Notification.undone_at,
    )
    .join(Notification, Notification.id == Delivery.notification_id)
    .where(
        or_(
            and_(Delivery.id.in_(_IDS), Delivery.state == State.QUEUED),
            and_(Delivery.carried_by.in_(_IDS), Delivery.state == State.WAITING),
        )
    )
    .order_by(Notification.id)
)
_TAKE = (
    update(Delivery)
    .where(Delivery.id.in_(_IDS), Delivery.state == State.QUEUED)
    .values(
        state=State.SENDING,
        reason=None,
        claim_token=bindparam("token"),
        due_at=bindparam("until"),
        last_round=ROUND_TOLD,
    )
    .returning(*_TAKEN)
)
_FACTS = (
    select(
        Delivery.id,
        Address.value,
        Address.key_id,
        Address.gone_at,
        Address.gone_why,
        Preference.cadence,
        User.name,
        User.locale,
        User.timezone,
        User.digest_time,
        User.digest_weekday,
        User.quiet_start,
        User.quiet_end,
        User.paused_until,
    )
    .join(Address, ITS_ADDRESS, isouter=True)
    .join(Preference, ITS_CHOICE, isouter=True)
    .join(User, User.id == Delivery.user_id, isouter=True)
)


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery's part of a message: what it tells, and what decides whether it still should."""

    id: str
    notification: str
    type: str
    fold: str
    first_round: int
    wanted_at: datetime
    read: bool  # on some channel
    undone: bool
    cadence: str  # the person's own choice now; empty where they made none
    told: Gathered


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process alone may send now, with all that was known when it was claimed.

    Its message tells of its `own` notification, and of those whose deliveries are `carried` by it. It is that of a
    `digest`, or of none.
    """

    id: str
    user: str
    channel: str
    queue: str
    tries: int
    last_code: str
    value: str
    wanted_at: datetime
    address_id: str
    address: str
    key_id: str
    reach: Reach  # on this channel now, by this address alone
    name: str
    locale: str
    timezone: str
    rhythm: Rhythm  # without caps
    own: Item
    carried: tuple[Item, ...] = ()
    digest: Slot | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        return (self.own, *self.carried)


class Claims:
    """The claim of a chunk of deliveries, in one transaction of the given connection.

    `replacing` are the channels whose messages take the place of what they showed before.
    """

    def __init__(self, connection: Connection, replacing: Collection[str] = ()) -> None:
        self._connection = connection
        self._replacing = replacing
        self._telling = Telling(connection, replacing, NEWEST)

    def claim(self, ids: Sequence[str], token: str, *, now: datetime, lease: timedelta) -> list[Claimed]:
        """Take those of these deliveries that are queued and that nobody else has; in the order of their ids."""
        found = self._lock(ids)
        rows = self._take([row.id for row in found if row.carried_by is None], token, now + lease) if found else []
        if not rows:
            return []
        # Most messages carry nothing but their own: they shall not pay for those that do.
        carrying = {row.carried_by for row in found}
        carriers = [row.id for row in rows if row.id in carrying]
        carried = self._take_along(carriers) if carriers else []
        notifications = {row.notification_id: row for row in found}
        self._close([*rows, *carried], notifications)
        facts = self._facts([row.id for row in rows], carriers)
        told = Pictures(self._connection).illustrated(self._telling.gathered([*rows, *carried]))
        items = {
            row.id: _item(row, notifications[row.notification_id], facts[row.id], told[row.id])
            for row in (*rows, *carried)
        }
        along: dict[str, list[Item]] = {}
        for row in carried:
            along.setdefault(row.carried_by, []).append(items[row.id])
        digests = self._digests({row.digest_id for row in rows if row.digest_id})
        claimed = [
            _claimed(row, facts[row.id], items[row.id], along.get(row.id, ()), digests.get(row.digest_id))
            for row in rows
        ]
        return sorted(claimed, key=attrgetter("id"))

    def peek(self, id: str) -> Claimed | None:
        """The delivery as whoever claims it would get it now, without claiming it; None where it is not there.

        Where it has ended, that is as far as what it told of is still there. It may tell of nothing.
        """
        told_in = (Delivery.id == id) | (Delivery.carried_by == id)
        rows = self._connection.execute(select(*_TAKEN).where(told_in)).all()
        row = next((row for row in rows if row.id == id), None)
        if row is None:
            return None
        ids = [one.id for one in rows]
        facts = {fact.id: fact for fact in self._connection.execute(_FACTS.where(Delivery.id.in_(_IDS)), {"ids": ids})}
        its = select(Notification.id, Notification.fold, Notification.read_at, Notification.undone_at)
        notifications = {
            one.id: one
            for one in self._connection.execute(its.where(Notification.id.in_([one.notification_id for one in rows])))
        }
        telling = Telling(self._connection, self._replacing, NEWEST, open_too=True)
        told = Pictures(self._connection).illustrated(telling.gathered(rows))
        items = [
            _item(one, notifications[one.notification_id], facts[one.id], told[one.id])
            for one in rows
            if one.notification_id in notifications
        ]
        own = next((item for item in items if item.id == id), None)
        if own is None:
            return None
        carried = [item for item in items if item.id != id and item.told.events]
        digests = self._digests({row.digest_id} if row.digest_id else ())
        return _claimed(row, facts[id], own, carried, digests.get(row.digest_id))

    def _lock(self, ids: Sequence[str]) -> list[AnyRow]:
        """Lock the notifications that would be told of: what joins meanwhile waits, and belongs to the next round."""
        query = locked_all(self._connection, _TO_CLAIM, Notification)
        return list(self._connection.execute(query, {"ids": ids}))

    def _take(self, ids: Sequence[str], token: str, until: datetime) -> list[AnyRow]:
        return list(self._connection.execute(_TAKE, {"ids": ids, "token": token, "until": until}))

    def _take_along(self, carriers: Sequence[str]) -> list[AnyRow]:
        taking = update(Delivery).where(Delivery.carried_by.in_(carriers), Delivery.state == State.WAITING)
        return list(self._connection.execute(taking.values(last_round=ROUND_TOLD).returning(*_TAKEN)))

    def _close(self, rows: Sequence[AnyRow], notifications: Mapping[str, AnyRow]) -> None:
        """Close the rounds that are told here for the first time."""
        told = {row.notification_id for row in rows if row.last_round == notifications[row.notification_id].round}
        for some in chunked(sorted(told)):
            self._connection.execute(
                update(Notification).where(Notification.id.in_(some)).values(round=Notification.round + 1)
            )

    def _facts(self, claimed: Sequence[str], carriers: Sequence[str]) -> Mapping[str, AnyRow]:
        """What may have changed since the plan: the person, their address and their choice, by delivery."""
        rows = list(self._connection.execute(_FACTS.where(Delivery.id.in_(_IDS)), {"ids": claimed}))
        if carriers:
            rows += self._connection.execute(_FACTS.where(Delivery.carried_by.in_(_IDS)), {"ids": carriers})
        return {row.id: row for row in rows}

    def _digests(self, ids: Collection[str]) -> dict[str, Slot]:
        """Which digests these are."""
        if not ids:
            return {}
        rows = self._connection.execute(
            select(Digest.id, Digest.cadence, Digest.period, Digest.wanted_at).where(Digest.id.in_(sorted(ids)))
        )
        return {row.id: Slot(Cadence(row.cadence), row.period, row.wanted_at, row.id) for row in rows}


def reach_by(delivery: AnyRow, fact: AnyRow) -> Reach:
    """How its person is reached by the delivery's own address, of which `fact` has the columns."""
    if fact.value is not None and fact.gone_at is None:
        return Reach((delivery.address_id,))
    return Reach(suppressed=refused_for_good(fact.gone_why))


def _item(delivery: AnyRow, notification: AnyRow, fact: AnyRow, told: Gathered) -> Item:
    return Item(
        id=delivery.id,
        notification=delivery.notification_id,
        type=delivery.type,
        fold=notification.fold,
        first_round=delivery.first_round,
        wanted_at=delivery.wanted_at,
        read=notification.read_at is not None,
        undone=notification.undone_at is not None,
        cadence=fact.cadence or "",
        told=told,
    )


def _claimed(delivery: AnyRow, fact: AnyRow, own: Item, carried: Sequence[Item], digest: Slot | None) -> Claimed:
    return Claimed(
        id=delivery.id,
        user=delivery.user_id,
        channel=delivery.channel,
        queue=delivery.queue,
        tries=delivery.tries,
        last_code=delivery.last_code,
        value=delivery.value,
        wanted_at=delivery.wanted_at,
        address_id=delivery.address_id or "",
        address=fact.value or "",
        key_id=fact.key_id or "",
        reach=reach_by(delivery, fact),
        name=fact.name or "",
        locale=fact.locale or "en",
        timezone=fact.timezone or "UTC",
        rhythm=rhythm_of(fact),
        own=own,
        carried=tuple(sorted(carried, key=attrgetter("id"))),
        digest=digest,
    )
