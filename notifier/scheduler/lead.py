"""Who leads the schedulers: one lease row, kept alive by a beat, and taken by another when its holder is silent."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.runs import LEASE, Runner
from notifier.pipeline.scheduling import LEASE as NAME
from notifier.policy.schedules import RunOutcome
from notifier.store.database import Database
from notifier.store.leases import Leases
from notifier.store.schedules import LastRun, Schedules

log = logging.getLogger(__name__)

BEAT = 3.0  # seconds
NOTED = timedelta(seconds=10)  # how often the ticks that come every second are noted, at most


class Lead:
    """Holds the lease, or waits for it. Two that both believe to hold it do no harm: every act is an atomic claim."""

    def __init__(self, database: Database, runner: Runner, holder: str, clock: Clock) -> None:
        self._database = database
        self._runner = runner
        self._holder = holder
        self._clock = clock
        self._until = 0.0
        self._noted: dict[str, LastRun] = {}

    @property
    def ours(self) -> bool:
        """Whether this process leads."""
        return time.monotonic() < self._until

    def beat(self, *ticks: tuple[str, LastRun | None]) -> None:
        """Take the lease or keep it, and what runs here; note how the fixed ticks went."""
        began, led, now = time.monotonic(), self.ours, self._clock()
        heartbeat = LastRun(now, RunOutcome.OK, f"{self._holder} leads", 0)
        news = {kind: last for kind, last in (*ticks, ("heartbeat", heartbeat)) if last and self._is_news(kind, last)}
        taken = self._database.transact(lambda tx: self._beat(tx, now, news))
        # From before the question: what it took must not be counted as ours.
        self._until = began + LEASE.total_seconds() if taken else 0.0
        self._noted |= news if taken else {}
        if taken and not led:
            log.info("this scheduler leads: %s", self._holder)

    def leave(self) -> None:
        """Let another lead at once."""
        self._until = 0.0
        with self._database.write() as connection:
            Leases(connection).release(NAME, self._holder, self._clock())

    def _beat(self, connection: Connection, now: datetime, news: Mapping[str, LastRun]) -> bool:
        taken = Leases(connection).take(NAME, self._holder, now=now, until=now + LEASE)
        self._runner.renew(connection)
        for kind, last in news.items() if taken else ():
            Schedules(connection).note(kind, last)
        return taken

    def _is_news(self, kind: str, last: LastRun) -> bool:
        noted = self._noted.get(kind)
        return noted is None or last.at - noted.at >= NOTED or last.outcome != noted.outcome
