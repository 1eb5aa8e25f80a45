"""What waits for people's digests, and what those told: read for people, apps and admins."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import Connection, Select, func, literal, or_, select, tuple_

from notifier.policy.words import Cadence, Reason, State
from notifier.store.building import frozen_items
from notifier.store.models import IS_OPEN, IS_UNBUILT, WAITS, Delivery, Digest, User
from notifier.store.sql import AnyRow, chunked

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """One digest as it is shown. `at` is its hour (aware UTC).

    `items` are its deliveries: those that wait, or, once it is built, those that it told.
    """

    id: str
    user: str
    channel: str
    cadence: Cadence
    period: str
    state: str  # open, due, built, empty, skipped
    at: datetime
    ended_at: datetime | None
    items: tuple[str, ...] = ()


class Waiting:
    """Reads digests in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, user: str) -> list[DigestEntry]:
        """The person's open digests with what waits for each, the next one first."""
        rows = self._connection.execute(select(Digest).where(Digest.user_id == user, IS_OPEN).order_by(Digest.due_at))
        return [self._entry(row) for row in rows]

    def find(self, digest: str) -> DigestEntry | None:
        """One digest, or None."""
        row = self._connection.execute(select(Digest).where(Digest.id == digest)).one_or_none()
        return self._entry(row) if row else None

    def next(self, most: int, *, user: str = "") -> list[DigestEntry]:
        """The digests that come next, of one person or of whomever; without their items."""
        query = select(Digest).where(IS_UNBUILT).order_by(Digest.due_at).limit(most)
        return [_entry(row) for row in self._connection.execute(_only(query, user))]

    def ended(self, most: int, *, user: str = "", before: DigestEntry | None = None) -> list[DigestEntry]:
        """Up to `most` digests that ended, of one person or of whomever, the latest first, those `before` that one."""
        query = select(Digest).where(Digest.ended_at.is_not(None))
        query = query.order_by(Digest.ended_at.desc(), Digest.id.desc()).limit(most)
        if before:
            place = tuple_(literal(before.ended_at, Digest.ended_at.type), literal(before.id, Digest.id.type))
            query = query.where(tuple_(Digest.ended_at, Digest.id) < place)
        rows = self._connection.execute(_only(query, user))
        return [_entry(row, frozen_items(row.items)) for row in rows]

    def messages(self, digests: Collection[DigestEntry]) -> dict[str, list[str]]:
        """The deliveries in whose messages each of these digests was told: one for each address."""
        told = {item: digest.id for digest in digests if digest.ended_at for item in digest.items}
        left = (State.SKIPPED, State.CANCELLED)
        found: dict[str, list[str]] = {digest.id: [] for digest in digests}
        for some in chunked(sorted(told)):
            query = select(Delivery.id).where(
                Delivery.id.in_(some),
                Delivery.carried_by.is_(None),
                # Each was to be told in a message; what left it before it went out is none itself.
                or_(Delivery.state.not_in(left), Delivery.reason == Reason.BY_ADMIN),
                Delivery.digest_id.is_not(None),
            )
            for delivery in self._connection.scalars(query.order_by(Delivery.id)):
                found[told[delivery]].append(delivery)
        return found

    def zones(self, users: Collection[str]) -> dict[str, str]:
        """The time zone of each of these people that are known."""
        rows = self._connection.execute(select(User.id, User.timezone).where(User.id.in_(sorted(users))))
        return {row.id: row.timezone for row in rows}

    def notifications(self, deliveries: Collection[str]) -> dict[str, str]:
        """The notification of each of these deliveries, in the order in which they were given."""
        rows = self._connection.execute(
            select(Delivery.id, Delivery.notification_id).where(Delivery.id.in_(sorted(deliveries)))
        )
        found = {row.id: row.notification_id for row in rows}
        return {delivery: found[delivery] for delivery in deliveries if delivery in found}

    def counts(self, digests: Sequence[DigestEntry]) -> dict[str, int]:
        """How many things wait for each of these open digests: one that goes to two devices counts once."""
        users = sorted({digest.user for digest in digests})
        rows = self._connection.execute(
            select(Delivery.digest_id, func.count(Delivery.notification_id.distinct()))
            .where(Delivery.user_id.in_(users), WAITS, Delivery.digest_id.in_([digest.id for digest in digests]))
            .group_by(Delivery.digest_id)
        )
        return {str(digest): count for digest, count in rows}

    def _entry(self, row: AnyRow) -> DigestEntry:
        if row.state not in ("open", "due"):
            return _entry(row, frozen_items(row.items))
        waits = select(Delivery.id).where(Delivery.user_id == row.user_id, WAITS, Delivery.digest_id == row.id)
        return _entry(row, tuple(self._connection.scalars(waits.order_by(Delivery.id.desc()))))


def _only(query: Select[*Ts], user: str) -> Select[*Ts]:
    return query.where(Digest.user_id == user) if user else query


def _entry(row: Any, items: tuple[str, ...] = ()) -> DigestEntry:
    return DigestEntry(
        row.id,
        row.user_id,
        row.channel,
        Cadence(row.cadence),
        row.period,
        row.state,
        row.wanted_at,
        row.ended_at,
        items,
    )
