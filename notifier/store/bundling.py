"""Bundling: what was held for a person and is due becomes one message, or waits for the digest."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, update
from sqlalchemy.orm import aliased

from notifier.policy.bundles import Bundle, Held, carriers
from notifier.policy.decide import Verdict
from notifier.policy.words import HELD, Reason, State
from notifier.store.bulk import update_each
from notifier.store.digests import Digests
from notifier.store.models import WAITS, Delivery
from notifier.store.sql import AnyRow, chunked, locked_all

_PART = aliased(Delivery)
CARRIES = select(_PART.id).where(_PART.carried_by == Delivery.id).correlate(Delivery).exists().label("carries")


class Bundling:
    """Bundles in the transaction of the given connection, which must have locked the people."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, users: Collection[str], now: datetime) -> list[Held]:
        """All that was held for these people and is due, whatever queue it is on; locked, in the order of the ids."""
        query = (
            select(
                Delivery.id,
                Delivery.user_id,
                Delivery.channel,
                Delivery.address_id,
                Delivery.type,
                Delivery.queue,
                Delivery.reason,
                Delivery.digest_id,
                CARRIES,
            )
            .where(
                Delivery.user_id.in_(sorted(users)),
                Delivery.state == State.WAITING,
                Delivery.reason.in_(HELD),
                Delivery.due_at <= now,
                Delivery.carried_by.is_(None),
            )
            .order_by(Delivery.id)
        )
        rows: Iterable[AnyRow] = self._connection.execute(locked_all(self._connection, query))
        return [
            Held(
                row.id,
                row.user_id,
                row.channel,
                row.address_id,
                row.type,
                row.queue,
                Reason(row.reason),
                row.digest_id or "",
                row.carries,
            )
            for row in rows
        ]

    def carry(self, bundles: Sequence[Bundle]) -> None:
        """Let each carrier carry the others, and what those carried so far."""
        for some in chunked(carriers(bundles).items()):
            update_each(self._connection, Delivery.id, _carried_by(some), {"due_at": None})
        self.carry_along(bundles)

    def carry_along(self, bundles: Sequence[Bundle]) -> None:
        """Let each carrier carry what those that it carries carried so far: seldom anything."""
        carrying = {one.id: bundle.carrier.id for bundle in bundles for one in bundle.carried if one.carries}
        for some in chunked(carrying.items()):
            update_each(self._connection, Delivery.carried_by, _carried_by(some), {"due_at": None}, WAITS.text)

    def fold(self, put_off: Sequence[tuple[Held, Verdict]], now: datetime) -> None:
        """Let these wait for the digests that their verdicts name."""
        wanted = [(one.user, one.channel, until.digest) for one, until in put_off if until.digest]
        digests = Digests(self._connection).open(wanted, now) if wanted else {}
        rows = [
            {
                "one": one.id,
                "its_reason": until.reason,
                "its_rule": until.rule,
                "its_value": until.value,
                "its_queue": until.queue,
                "its_digest": digests[one.user, one.channel, until.digest.cadence],
                "its_hour": until.due_at,
            }
            for one, until in put_off
            if until.digest
        ]
        if rows:
            columns = {
                "reason": "its_reason", "rule": "its_rule", "value": "its_value", "queue": "its_queue",
                "digest_id": "its_digest", "wanted_at": "its_hour",
            }  # fmt: skip
            changed: dict[str, Any] = {column: bindparam(name) for column, name in columns.items()}
            self._connection.execute(
                update(Delivery).where(Delivery.id == bindparam("one")).values(changed | {"due_at": None}), rows
            )

    def wait(self, put_off: Sequence[tuple[Held, Verdict]]) -> None:
        """Let those whose verdicts name no digest wait on, for the same reason, until the moment that they name."""
        rows = [{"one": one.id, "until": until.due_at} for one, until in put_off if not until.digest]
        if rows:
            moment: BindParameter[datetime] = bindparam("until", type_=Delivery.due_at.type)
            self._connection.execute(
                update(Delivery).where(Delivery.id == bindparam("one")).values(due_at=moment, wanted_at=moment), rows
            )


def _carried_by(carriers: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {one: {"carried_by": carrier} for one, carrier in carriers}
