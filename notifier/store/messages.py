"""One message as it was sent: to whom, and what each of the things that it tells was decided by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from notifier.policy.words import Cadence
from notifier.store.models import Address, Delivery, Digest, Event
from notifier.store.sql import AnyRow
from notifier.store.told import Gathered, Telling

TOLD = 20  # things of one message; the rest is a number
NEWEST = 10  # events of one thing that are read whole


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a message tells, and what decided about it. Nothing is `told` where it was taken back since.

    `blank` says that the content of its events is not kept any more.
    """

    id: str
    notification: str
    type: str
    rule: str
    value: str
    decided_at: datetime
    told: Gathered
    blank: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A delivery that has a message of its own; `more` are the things beyond its first parts.

    `address` is None where its person was erased.
    """

    id: str
    user: str
    channel: str
    address_id: str
    address: str | None
    created_at: datetime
    sent_at: datetime | None
    cadence: Cadence | None  # of a digest
    parts: tuple[Part, ...]
    more: int


def sent_message(connection: Connection, delivery: str) -> SentMessage | None:
    """The message of this delivery with all that it tells, or None where there is no record of it."""
    found = connection.execute(
        select(Delivery, Address.value.label("address"), Digest.cadence)
        .join(Address, Address.id == Delivery.address_id, isouter=True)
        .join(Digest, Digest.id == Delivery.digest_id, isouter=True)
        .where(or_(Delivery.id == delivery, Delivery.carried_by == delivery))
        .order_by(Delivery.id)
    ).all()
    own = next((row for row in found if row.id == delivery), None)
    if own is None:
        return None
    # Its own first: what a message carries beside it was decided for its sake.
    told = [own, *(row for row in found if row.id != delivery)]
    return SentMessage(
        id=own.id,
        user=own.user_id,
        channel=own.channel,
        address_id=own.address_id or "",
        address=own.address,
        created_at=own.created_at,
        sent_at=own.sent_at,
        cadence=Cadence(own.cadence) if own.cadence else None,
        parts=tuple(_parts(connection, told[:TOLD])),
        more=max(len(told) - TOLD, 0),
    )


def _parts(connection: Connection, rows: Sequence[AnyRow]) -> list[Part]:
    # A message without a last round was not claimed yet, and tells nothing.
    gathered = Telling(connection, (), NEWEST).gathered([row for row in rows if row.last_round is not None])
    blank = _blank(connection, [event.id for told in gathered.values() for event in told.events])
    return [_part(row, gathered.get(row.id, Gathered()), blank) for row in rows]


def _part(row: AnyRow, told: Gathered, blank: frozenset[str]) -> Part:
    return Part(
        id=row.id,
        notification=row.notification_id,
        type=row.type,
        rule=row.rule,
        value=row.value,
        decided_at=row.created_at,
        told=told,
        blank=any(event.id in blank for event in told.events),
    )


def _blank(connection: Connection, events: Sequence[str]) -> frozenset[str]:
    """Those of these events whose content was purged."""
    return frozenset(
        connection.scalars(select(Event.id).where(Event.id.in_(sorted(set(events))), Event.blanked_at.is_not(None)))
    )
