"""The purge: what was kept for long enough goes, a little at a time, so that nobody who sends must wait for it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.rollup import Roller
from notifier.policy.retention import Purged, Retention
from notifier.store.aged import Kept
from notifier.store.announcing import still_told_since
from notifier.store.database import Database
from notifier.store.prospect import Prospect
from notifier.store.purging import MOST, Purging, Step
from notifier.store.space import Space, give_back, space

Told = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a purge takes at once: at first `few` rows, and so many that a transaction takes about `long` seconds.

    Then it leaves others `rests` times as long as that took, `longest_rest` seconds at most.
    """

    few: int = 100
    long: float = 0.04
    rests: float = 2.0
    longest_rest: float = 0.5

    def some(self, before: int, spent: float) -> int:
        """How many rows to take at once after a transaction of so many took so long."""
        if spent > self.long:
            return max(before // 2, self.few)
        return min(before * 2, MOST) if spent < self.long / 2 else before

    def rest(self, spent: float) -> float:
        """How many seconds to leave to others."""
        return min(spent * self.rests, self.longest_rest)


USUAL = Pace()


@dataclass(frozen=True, slots=True)
class Freed:
    """What a purge did: how many rows went, how many octets of the file came back, and how long it took."""

    purged: Purged
    octets: int
    seconds: float
    longest: float  # of its transactions, in seconds

    @property
    def summary(self) -> str:
        """One line, for whoever keeps a record of it."""
        parts = [f"{count:,} {name}" for name, count in self.purged.named if count]
        if not parts:
            return "nothing was old enough"
        back = f"; {self.octets / 1e6:,.1f} MB came back" if self.octets else ""
        return f"{', '.join(parts)} in {self.seconds:,.1f} s{back}"


class Purger:
    """Purges what `retention` does not keep. `standing` are the channels whose deliveries stand in a feed.

    Several may do so at once, and each may be killed at any moment: the next one goes on.
    """

    def __init__(
        self,
        database: Database,
        retention: Retention,
        roller: Roller,
        standing: Sequence[str],
        clock: Clock,
        pace: Pace = USUAL,
    ) -> None:
        self._database = database
        self._retention = retention
        self._roller = roller
        self._standing = tuple(standing)
        self._clock = clock
        self._pace = pace

    def purge(self, told: Told = int) -> Freed:
        """Purge all that is old enough. `told` hears how many rows are gone so far. Raises `DatabaseAway`."""
        self._roller.roll_up()
        return _Run(self._database, self._kept(), self._clock, self._pace, told).purge()

    def prospect(self) -> Purged:
        """What a purge would delete now; nothing is changed. Looks at every row. Raises `DatabaseAway`."""
        with self._database.read() as connection:
            return Prospect(connection, self._kept()).count()

    def space(self) -> Space | None:
        """The space of the database's file; None where the database minds it itself."""
        return space(self._database)

    def rebuild(self) -> int:
        """Write the whole file anew, once, so that it can shrink from then on; gives the octets that came back.

        Nobody can write meanwhile. Raises `DatabaseAway`.
        """
        before = self.space()
        if before is None:
            return 0
        self._database.rebuild()
        after = self.space()
        return before.octets - after.octets if after else 0

    def _kept(self) -> Kept:
        with self._database.read() as connection:
            since = still_told_since(connection)
        return Kept(self._retention.limits(self._clock()).sparing(since), self._standing)


class _Run:
    """One purge, transaction by transaction."""

    def __init__(self, database: Database, kept: Kept, clock: Clock, pace: Pace, told: Told) -> None:
        self._database = database
        self._kept = kept
        self._clock = clock
        self._pace = pace
        self._told = told
        self._some = pace.few
        self._gone = Purged()
        self._longest = 0.0

    def purge(self) -> Freed:
        began = time.monotonic()
        with self._database.read() as connection:
            days = Purging(connection, self._kept, self._clock()).days()
        for day in days:
            self._walk(lambda purging, after, most, day=day: purging.deliveries(day, after, most))  # type: ignore[misc]
        last = Purging.digests, Purging.runs, Purging.jobs, Purging.audit
        for each in (Purging.attempts, Purging.bodies, Purging.events, *last):
            self._walk(each)
        self._step(lambda purging: Step(purging.odds()))
        octets = self._give_back()
        return Freed(self._gone, octets, time.monotonic() - began, self._longest)

    def _walk(self, step: Callable[[Purging, str, int], Step]) -> None:
        """Go on from id to id until nothing is left."""
        after = self._step(lambda purging: step(purging, "", self._some))
        while after:
            after = self._step(lambda purging, after=after: step(purging, after, self._some))  # type: ignore[misc]

    def _step(self, work: Callable[[Purging], Step]) -> str:
        """One transaction, and a rest that is longer than that took."""
        began = 0.0

        def begun(tx: Connection) -> Step:
            nonlocal began
            began = time.monotonic()  # the wait for our turn kept nobody waiting
            return work(Purging(tx, self._kept, self._clock()))

        step = self._database.transact(begun)
        spent = time.monotonic() - began
        self._longest = max(self._longest, spent)
        self._some = self._pace.some(self._some, spent)
        self._gone += step.purged
        self._told(self._gone.rows)
        time.sleep(self._pace.rest(spent))
        return step.after

    def _give_back(self) -> int:
        """Give the file's empty pages back, in portions as well; how many octets it were."""
        found = space(self._database)
        if found is None or not found.shrinks:
            return 0
        while True:
            began = time.monotonic()
            pages = give_back(self._database)
            spent = time.monotonic() - began
            self._longest = max(self._longest, spent)
            if not pages:
                break
            time.sleep(self._pace.rest(spent))
        after = space(self._database)
        return found.octets - after.octets if after else 0
