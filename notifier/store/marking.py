"""Reading and seeing: what a person did with the items of their feed, and what ends with that elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from notifier.policy.words import Reason
from notifier.store.ending import cancel
from notifier.store.feed import Place, below, standing
from notifier.store.models import Delivery, Notification
from notifier.store.sql import locked_all

MOST = 500  # items in one transaction


@dataclass(frozen=True, slots=True)
class Which:
    """Which items of a person's feed: those of these ids, or all that got their last news not later than `before`."""

    user: str
    ids: Sequence[str] = ()
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """How many items one transaction marked, and where to go on; None where all is done."""

    count: int
    after: Place | None


class Marking:
    """Marks up to `MOST` items in the transaction of the given connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def read(self, which: Which, after: Place | None = None) -> Marked:
        """They were read: nothing joins them any more, and what still waits of them on other channels is cancelled."""
        ids, marked = self._lock(which, after, Notification.read_at.is_(None))
        self._set(
            ids,
            read_at=self._now,
            seen_at=func.coalesce(Notification.seen_at, self._now),
            ended_at=func.coalesce(Notification.ended_at, self._now),
        )
        if ids:
            cancel(self._connection, Delivery.notification_id.in_(ids), Reason.READ, value="feed", now=self._now)
        return marked

    def see(self, which: Which, after: Place | None = None) -> Marked:
        """They were seen; news that joins makes them unseen again."""
        # What was read was seen, so that the few unread ones are looked through, not all that ever were.
        unseen = and_(Notification.seen_at.is_(None), Notification.read_at.is_(None))
        ids, marked = self._lock(which, after, unseen)
        self._set(ids, seen_at=self._now)
        return marked

    def _lock(self, which: Which, after: Place | None, unmarked: ColumnElement[bool]) -> tuple[list[str], Marked]:
        wanted = and_(standing(which.user), unmarked, _named(which))
        query = select(Notification.id, Notification.feed_at).where(wanted)
        if after:
            query = query.where(below(after))
        found = self._connection.execute(
            query.order_by(Notification.feed_at.desc(), Notification.id.desc()).limit(MOST)
        ).all()
        # In the order of their ids, as everywhere; what got news meanwhile is not meant any more.
        locking = select(Notification.id).where(Notification.id.in_([row.id for row in found]), wanted)
        ids = list(self._connection.scalars(locked_all(self._connection, locking.order_by(Notification.id))))
        rest = Place(found[-1].feed_at, found[-1].id) if len(found) == MOST else None
        return ids, Marked(len(ids), rest)

    def _set(self, ids: Sequence[str], **values: Any) -> None:
        if ids:
            self._connection.execute(
                update(Notification).where(Notification.id.in_(ids)).values(changed_at=self._now, **values)
            )


def _named(which: Which) -> ColumnElement[bool]:
    if which.before is None:
        return Notification.id.in_(which.ids)
    # People are told times in milliseconds, so that one means the whole of it.
    millisecond = which.before.microsecond // 1_000
    return Notification.feed_at <= which.before.replace(microsecond=millisecond * 1_000 + 999)
