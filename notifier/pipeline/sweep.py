"""The sweep: find whatever is overdue, whoever died over it, and say what must be rung for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next, policy_for
from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.outbox import Outbox, Try
from notifier.store.planning import Planned
from notifier.store.sql import AnyRow

AGAIN = QUEUES["default"].again


@dataclass(frozen=True, slots=True)
class Overdue:
    """What must be rung for: events without a finished plan, and deliveries that can go out."""

    events: tuple[str, ...]
    deliveries: tuple[Planned, ...]


class Sweeper:
    """Asks the database what is overdue. Several may run at once: each row is taken by one of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def sweep(self) -> Overdue:
        """Take what is overdue, and make it ready to be rung for."""
        return self._database.transact(self._sweep)

    def hasten(self, deliveries: Sequence[str], events: Sequence[str]) -> None:
        """The bell could not be rung for these: the next sweep takes them up at once."""
        now = self._clock()
        self._database.transact(lambda tx: Outbox(tx).hasten(deliveries, events, now))

    def _sweep(self, connection: Connection) -> Overdue:
        outbox, now = Outbox(connection), self._clock()
        events = outbox.overdue_events(now, AGAIN)
        rows = outbox.overdue_deliveries(now)
        lost = [row for row in rows if row.state == State.SENDING]
        given_up = self._record_lost(outbox, lost, now)
        ready = [Planned(row.id, row.channel, row.queue) for row in rows if row.id not in given_up]
        if ready:
            outbox.queue([delivery.id for delivery in ready], now)
        return Overdue(tuple(events), tuple(ready))

    def _record_lost(self, outbox: Outbox, lost: Sequence[AnyRow], now: datetime) -> set[str]:
        """A claim whose lease ran out is a try like any other; one that kills its worker each time is given up."""
        given_up: set[str] = set()
        for token, rows in groupby(sorted(lost, key=attrgetter("claim_token")), key=attrgetter("claim_token")):
            tries = [_lost(row, now) for row in rows]
            outbox.record(tries, token, now=now, worker="")
            given_up |= {made.delivery for made in tries if made.next.state == State.FAILED}
        return given_up


def _lost(row: AnyRow, now: datetime) -> Try:
    last = row.tries + 1 >= policy_for(row.type, row.channel).tries
    next_ = Next(State.FAILED, Reason.GAVE_UP) if last else Next(State.QUEUED, None, now)
    return Try(row.id, now, 0, "lost", "lost", "The worker died, or its lease ran out, before an answer came.", next_)
