"""What waits for people's digests, and what those told: read for people, apps and admins."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from notifier.policy.words import Cadence
from notifier.store.building import frozen_items
from notifier.store.models import IS_OPEN, IS_UNBUILT, WAITS, Delivery, Digest
from notifier.store.sql import AnyRow


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

    def next(self, most: int) -> list[DigestEntry]:
        """The digests that come next, of whomever; without their items."""
        query = select(Digest).where(IS_UNBUILT).order_by(Digest.due_at).limit(most)
        return [_entry(row) for row in self._connection.execute(query)]

    def page(self, before: str, most: int, *, user: str = "") -> list[DigestEntry]:
        """Up to `most` digests, of one person or of everybody, the newest first, those before that id."""
        which: list[ColumnElement[bool]] = [Digest.id < before] if before else []
        if user:
            which.append(Digest.user_id == user)
        query = select(Digest).where(*which).order_by(Digest.id.desc()).limit(most)
        return [_entry(row) for row in self._connection.execute(query)]

    def notifications(self, deliveries: Collection[str]) -> dict[str, str]:
        """The notification of each of these deliveries, in the order in which they were given."""
        rows = self._connection.execute(
            select(Delivery.id, Delivery.notification_id).where(Delivery.id.in_(sorted(deliveries)))
        )
        found = {row.id: row.notification_id for row in rows}
        return {delivery: found[delivery] for delivery in deliveries if delivery in found}

    def counts(self, digests: Sequence[DigestEntry]) -> dict[str, int]:
        """How much waits for each of these open digests."""
        users = sorted({digest.user for digest in digests})
        rows = self._connection.execute(
            select(Delivery.digest_id, func.count())
            .where(Delivery.user_id.in_(users), WAITS, Delivery.digest_id.in_([digest.id for digest in digests]))
            .group_by(Delivery.digest_id)
        )
        return {str(digest): count for digest, count in rows}

    def _entry(self, row: AnyRow) -> DigestEntry:
        if row.state not in ("open", "due"):
            return _entry(row, frozen_items(row.items))
        waits = select(Delivery.id).where(Delivery.user_id == row.user_id, WAITS, Delivery.digest_id == row.id)
        return _entry(row, tuple(self._connection.scalars(waits.order_by(Delivery.id.desc()))))


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
