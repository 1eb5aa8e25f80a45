"""The sweep: find whatever is overdue, whoever died over it, and say what must be rung for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from notifier.pipeline import Clock
from notifier.pipeline.tickets import chunks
from notifier.policy.retry import Next, policy_for
from notifier.policy.words import Reason, State
from notifier.store.database import Database, DatabaseAway
from notifier.store.outbox import Outbox, Try
from notifier.store.planning import Planned
from notifier.store.sql import AnyRow

HASTE = 1_000  # ids in one statement
MERCY = timedelta(seconds=3)  # for the living to renew their claims, once the database is back


@dataclass(frozen=True, slots=True)
class Overdue:
    """What must be rung for: events without a finished plan, and deliveries that can go out.

    Those of `lost` were claimed, and nobody knows what came of it.
    """

    events: tuple[str, ...] = ()
    deliveries: tuple[Planned, ...] = ()
    lost: tuple[Planned, ...] = ()


class Sweeper:
    """Asks the database what is overdue. Several may run at once: each row is taken by one of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._away_at: datetime | None = None

    def events(self, again: timedelta) -> Overdue:
        """Take the events whose plan is overdue; they are so again after `again`."""
        return Overdue(tuple(self._database.transact(lambda tx: Outbox(tx).overdue_events(self._clock(), again))))

    def deliveries(self, queue: str) -> Overdue:
        """Take what is overdue on a queue, and make it ready to be rung for."""
        try:
            return self._database.transact(lambda tx: self._take(Outbox(tx), queue))
        except DatabaseAway:
            self._away_at = self._clock()
            raise

    def hasten(self, deliveries: Sequence[str], events: Sequence[str]) -> None:
        """The bell could not be rung for these: the next sweep takes them up at once."""
        now = self._clock()
        for some in chunks(deliveries, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten(some, (), now))  # type: ignore[misc]
        for some in chunks(events, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten((), some, now))  # type: ignore[misc]

    def _take(self, outbox: Outbox, queue: str) -> Overdue:
        now = self._clock()
        merciful = self._away_at is not None and now < self._away_at + MERCY
        rows = outbox.overdue_deliveries(now, queue, lost=not merciful)
        given_up = self._record_lost(outbox, [row for row in rows if row.state == State.SENDING], now)
        ready = [row for row in rows if row.id not in given_up]
        if ready:
            outbox.queue([row.id for row in ready], now)
        return Overdue(
            deliveries=tuple(_planned(row) for row in ready if row.state != State.SENDING),
            lost=tuple(_planned(row) for row in ready if row.state == State.SENDING),
        )

    def _record_lost(self, outbox: Outbox, lost: Sequence[AnyRow], now: datetime) -> set[str]:
        """A claim whose lease ran out is a try like any other; one that kills its worker each time is given up."""
        given_up: set[str] = set()
        for token, rows in groupby(sorted(lost, key=attrgetter("claim_token")), key=attrgetter("claim_token")):
            tries = [_lost(row, now) for row in rows]
            outbox.record(tries, token, now=now, worker="")
            given_up |= {made.delivery for made in tries if made.next.state == State.FAILED}
        return given_up


def _planned(row: AnyRow) -> Planned:
    return Planned(row.id, row.channel, row.queue)


def _lost(row: AnyRow, now: datetime) -> Try:
    last = row.tries + 1 >= policy_for(row.type, row.channel).tries
    next_ = Next(State.FAILED, Reason.GAVE_UP) if last else Next(State.QUEUED, None, now)
    return Try(row.id, now, 0, "lost", "lost", "The worker died, or its lease ran out, before an answer came.", next_)
