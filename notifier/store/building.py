"""Building digests: those whose hour has come are found, locked with their people, and ended with what they tell."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, TextClause, and_, bindparam, select, update

from notifier.policy.words import Cadence, Reason, State
from notifier.store.bulk import update_each
from notifier.store.database import Database
from notifier.store.ending import cancel
from notifier.store.facts import Facts
from notifier.store.models import BUILT, EMPTY, IS_OPEN, IS_UNBUILT, SKIPPED, WAITS, Delivery, Digest, Notification
from notifier.store.sql import AnyRow, among, chunked, locked_all
from notifier.store.types import key_of

DIGEST = "digest"  # their queue
PAGE = 1_000  # digests that the tick finds at once
# In the driver's own SQL, see `Database.ask`.
_DUE = "SELECT due_at, id FROM digests WHERE state IN ('open', 'due') AND due_at <= ?"
_PAGE = f" ORDER BY due_at, id LIMIT {PAGE}"
FIRST_DUE, NEXT_DUE = _DUE + _PAGE, _DUE + " AND (due_at, id) > (?, ?)" + _PAGE


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A digest that waits for its hour or for a worker, locked with its person. `at` is its hour (aware UTC)."""

    id: str
    user: str
    channel: str
    cadence: Cadence
    period: str
    at: datetime


class Building:
    """The store's side of building digests, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, ids: Collection[str], now: datetime) -> list[Unbuilt]:
        """Lock those of these whose hour has come and that nobody has built yet."""
        return self._unbuilt(among(self._connection, Digest.id, sorted(ids)), IS_UNBUILT, Digest.due_at <= now)

    def open(self, user: str) -> list[Unbuilt]:
        """Lock the person's open digests."""
        return self._unbuilt(Digest.user_id == user, IS_OPEN)

    def adopt(self, digests: Sequence[Unbuilt]) -> None:
        """What is over a person's cap goes along with their digest: a message is sent anyway."""
        ids = {(one.user, one.channel): one.id for one in reversed(digests)}
        query = select(Delivery.id, Delivery.user_id, Delivery.channel).where(
            among(self._connection, Delivery.user_id, sorted({user for user, _ in ids})),
            WAITS,
            Delivery.reason == Reason.CAPPED,
            Delivery.carried_by.is_(None),
        )
        rows = [
            {"one": row.id, "its_digest": digest}
            for row in self._connection.execute(locked_all(self._connection, query.order_by(Delivery.id)))
            if (digest := ids.get((row.user_id, row.channel)))
        ]
        if rows:
            adopted = {"digest_id": bindparam("its_digest"), "reason": Reason.DIGEST, "queue": DIGEST, "due_at": None}
            self._connection.execute(update(Delivery).where(Delivery.id == bindparam("one")).values(adopted), rows)

    def send(self, carriers: Sequence[str], again: datetime) -> None:
        """Let the messages of built digests go out; their bell is rung `again` if nobody comes."""
        queued = {"state": State.QUEUED, "reason": None}
        for some in chunked(carriers):
            update_each(self._connection, Delivery.id, {one: {"due_at": again} for one in some}, queued, WAITS.text)

    def end(self, told: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Freeze what each of these digests tells: the ids of its deliveries, in the order in which they are told."""
        if told:
            self._connection.execute(
                update(Digest)
                .where(Digest.id == bindparam("digest"))
                .values(state=bindparam("ended"), items=bindparam("told"), due_at=None, ended_at=now),
                [
                    {"digest": digest, "ended": BUILT if ids else EMPTY, "told": json.dumps(ids) if ids else ""}
                    for digest, ids in told.items()
                ],
            )

    def skip(self, digest: Unbuilt, now: datetime) -> int:
        """This locked one does not come, and its period is used up; gives how much it would have told."""
        its = (Delivery.user_id == digest.user, WAITS, Delivery.digest_id == digest.id, Delivery.carried_by.is_(None))
        # Locked before their deliveries, as everywhere.
        notifications = select(Notification.id).where(Notification.id.in_(select(Delivery.notification_id).where(*its)))
        self._connection.execute(locked_all(self._connection, notifications.order_by(Notification.id))).all()
        self._connection.execute(
            update(Digest).where(Digest.id == digest.id).values(state=SKIPPED, due_at=None, ended_at=now)
        )
        value = f"{digest.cadence} {digest.period}"
        return len(cancel(self._connection, and_(*its), Reason.DIGEST_SKIPPED, value=value, now=now))

    def free(self, digest: Unbuilt, now: datetime) -> None:
        """This locked one comes now, by hand: the period that it was for is free again."""
        self._connection.execute(
            update(Digest).where(Digest.id == digest.id).values(period=f"{now:%Y-%m-%dT%H:%M:%S.%f}", wanted_at=now)
        )

    def _unbuilt(self, *which: ColumnElement[bool] | TextClause) -> list[Unbuilt]:
        query = select(Digest.id, Digest.user_id).where(*which).order_by(Digest.id)
        found = self._connection.execute(query).all()
        # As everybody does: first the people, then what is theirs.
        Facts(self._connection).lock(row.user_id for row in found)
        theirs = among(self._connection, Digest.id, [row.id for row in found])
        locking = select(Digest).where(theirs, *which).order_by(Digest.id)
        return [_unbuilt(row) for row in self._connection.execute(locked_all(self._connection, locking))]


def due_digests(database: Database, now: datetime) -> Iterator[list[str]]:
    """The digests whose hour has come and that nobody has built, in pages, the longest overdue first.

    They are only read: whoever builds one locks it. Raises `DatabaseAway`.
    """
    rows = database.ask(FIRST_DUE, now)
    while rows:
        yield [key_of("dig", id_) for _, id_ in rows]
        rows = database.ask(NEXT_DUE, now, *rows[-1]) if len(rows) == PAGE else []


def frozen_items(items: str) -> tuple[str, ...]:
    """The ids of the deliveries that a built digest told, in their order."""
    return tuple(json.loads(items)) if items else ()


def _unbuilt(row: AnyRow) -> Unbuilt:
    return Unbuilt(row.id, row.user_id, row.channel, Cadence(row.cadence), row.period, row.wanted_at)
