"""What operators do to deliveries: try them again, now, or not at all."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, false, func, or_, select, update
from sqlalchemy.orm import aliased

from notifier.policy.queues import QUEUES
from notifier.policy.words import Reason, State
from notifier.store.ending import cancel
from notifier.store.jobs import Act
from notifier.store.log import Filter, conditions
from notifier.store.models import Delivery, Notification
from notifier.store.planning import Planned, tally
from notifier.store.sql import insert, locked, locked_all
from notifier.store.types import new_id


class Operate:
    """An operator's acts, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hurry(self, delivery: str, now: datetime) -> bool:
        """Let a waiting delivery go out now, and by itself; False where it does not wait.

        What is being told in the message of another at this moment goes out with that one.
        """
        self._lock_told(delivery)
        carrier = aliased(Delivery)
        on_its_way = select(carrier.id).where(carrier.id == Delivery.carried_by, carrier.state == State.SENDING)
        waits = (Delivery.id == delivery, Delivery.state == State.WAITING)
        hurried = self._connection.execute(
            update(Delivery)
            .where(*waits, ~on_its_way.exists())
            .values(state=State.QUEUED, reason=None, carried_by=None, digest_id=_ITS_DIGEST, due_at=now)
        )
        return hurried.rowcount == 1 or self._connection.scalar(select(Delivery.id).where(*waits)) is not None

    def retry(self, wanted: Filter, limit: int, now: datetime, *, only: str = "") -> list[Planned]:
        """Send failed deliveries of the filter again, those that were not retried yet; `only` names one message.

        A final state is never overwritten: each gets a new delivery that names the old one. What went out in a digest
        comes as that digest again: the next sweep makes one message of it. Gives those that are ready to go out.
        """
        query = select(Delivery).where(*_retriable(wanted)).order_by(Delivery.id).limit(limit)
        if only:
            query = query.where(or_(Delivery.id == only, Delivery.carried_by == only))
        failed = self._connection.execute(locked(self._connection, query, Delivery)).all()
        if not failed:
            return []
        copies = insert(self._connection, Delivery).values([self._copy(row, now) for row in failed])
        # Another operator may have retried some since we looked.
        made = self._connection.execute(
            copies.on_conflict_do_nothing().returning(Delivery.id, Delivery.channel, Delivery.queue)
        ).all()
        tally(self._connection, (row.channel for row in made), now)
        return [Planned(row.id, row.channel, row.queue) for row in made]

    def count(self, wanted: Filter, most: int) -> int:
        """How many deliveries of the filter `retry` would send again; looks at no more rows than `most`."""
        found = select(Delivery.id).where(*_retriable(wanted)).limit(most).subquery()
        return self._connection.scalar(select(func.count()).select_from(found)) or 0

    def count_for(self, act: Act, wanted: Filter, most: int) -> int:
        """How many deliveries of the filter the act would change now; looks at no more rows than `most`."""
        found = select(Delivery.id).where(*_open_to(act, wanted)).limit(most).subquery()
        return self._connection.scalar(select(func.count()).select_from(found)) or 0

    def next_for(self, act: Act, wanted: Filter, *, after: str, upto: str, limit: int) -> list[str]:
        """The next deliveries of the filter that the act would change, after one id and up to another."""
        window = [Delivery.id <= upto, *([Delivery.id > after] if after else [])]
        query = select(Delivery.id).where(*_open_to(act, wanted), *window).order_by(Delivery.id).limit(limit)
        return list(self._connection.scalars(query))

    def cancel(self, delivery: str, now: datetime) -> bool:
        """Cancel a delivery that waits or is queued; False where it is neither, or being told in another's message."""
        self._lock_told(delivery)
        return bool(cancel(self._connection, Delivery.id == delivery, Reason.BY_ADMIN, now=now))

    def _lock_told(self, delivery: str) -> None:
        """Wait for whoever claims or freezes it at this moment: what it then is in is known only afterwards."""
        told = select(Notification.id).join(Delivery, Delivery.notification_id == Notification.id)
        self._connection.execute(locked_all(self._connection, told.where(Delivery.id == delivery), Notification)).all()

    def _copy(self, row: Any, now: datetime) -> dict[str, Any]:
        told = ("notification_id", "app_id", "user_id", "type", "channel", "address_id", "queue", "rule", "value")
        # It tells what the failed one would have told, and nothing that joined later.
        kept = (*told, "first_round", "last_round")
        return {name: getattr(row, name) for name in kept} | {
            "id": new_id("dlv"),
            "retry_of": row.id,
            "state": State.WAITING if row.digest_id else State.QUEUED,
            "reason": Reason.DIGEST if row.digest_id else None,
            "digest_id": row.digest_id,
            "due_at": now if row.digest_id else now + QUEUES[row.queue].again,
            "wanted_at": now,
            "tries": 0,
            "last_code": "",
            "created_at": now,
        }


# What waits for a digest leaves it; the message of one that waits for another try is that digest still.
_ITS_DIGEST = case((Delivery.reason == Reason.DIGEST, None), else_=Delivery.digest_id)


def _open_to(act: Act, wanted: Filter) -> list[ColumnElement[bool]]:
    if act == Act.RETRY:
        return _retriable(wanted) if not wanted.states or State.FAILED in wanted.states else [false()]
    open_ = (State.WAITING, State.QUEUED)
    states = tuple(state for state in open_ if not wanted.states or state in wanted.states)
    return conditions(replace(wanted, states=states)) if states else [false()]


def _retriable(wanted: Filter) -> list[ColumnElement[bool]]:
    again = aliased(Delivery)
    retried = select(again.id).where(again.retry_of == Delivery.id).exists()
    return [*conditions(replace(wanted, states=(State.FAILED,))), ~retried]
