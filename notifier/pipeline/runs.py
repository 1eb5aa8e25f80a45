"""Runs of schedules: whatever has come is taken, its act is done, and how it went is recorded."""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.kinds import Call, Kinds
from notifier.policy.schedules import TRIES, RunOutcome
from notifier.policy.timetable import following_run, latest_run, wall_of
from notifier.store.database import Database, DatabaseAway
from notifier.store.running import TIMER, Ended, Holding, Running
from notifier.store.schedules import NewSchedule, RunEntry, ScheduleEntry, Schedules

log = logging.getLogger(__name__)

ONCE = 20  # taken in one tick; the next comes in a second
LEASE = timedelta(seconds=10)  # after which one that is no longer heard of counts as dead
CUT_OFF = "Its process died, or the database was away, before it ended."
GIVEN_UP = f"{CUT_OFF} It was tried {TRIES} times and is given up."


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that is ours to do."""

    run: RunEntry
    schedule: ScheduleEntry


class Runner:
    """Takes and does the runs of schedules. Several may do so at once: each run is taken by one of them."""

    def __init__(self, database: Database, kinds: Kinds, holder: str, clock: Clock) -> None:
        self._database = database
        self._kinds = kinds
        self._holder = holder
        self._clock = clock
        self._under_way: set[str] = set()
        self.stopping = threading.Event()

    def keep(self, built_in: Iterable[NewSchedule]) -> None:
        """Make the built-in schedules that are missing; what an owner changed stays."""
        now = self._clock()
        with self._database.write() as connection:
            for new in built_in:
                Schedules(connection).add(new, "Notifier", now)

    def take(self) -> list[Taken]:
        """Take what has come: schedules whose time it is, runs asked for, and those whose process died."""
        now = self._clock()
        with self._database.read() as connection:
            running = Running(connection)
            if not running.waits(now):
                return []
            due, free = running.due(self._kinds, now, ONCE), running.free(now, ONCE)
        taken = [self._database.transact(lambda tx, one=one: self._take(tx, one)) for one in due]  # type: ignore[misc]
        taken += [self._database.transact(lambda tx, run=run: self._take_up(tx, run)) for run in free]  # type: ignore[misc]
        ours = [one for one in taken if one]
        self._under_way.update(one.run.id for one in ours)
        return ours

    def perform(self, taken: Taken) -> None:
        """Do the act and record how it went, also where it fails."""
        began = time.monotonic()
        try:
            outcome, text = RunOutcome.OK, self._kinds[taken.schedule.kind].act(self._call(taken))
        except DatabaseAway as error:
            self._leave(taken, error)
            return
        except Exception as error:  # whatever is wrong with one act, the others go on
            log.exception("schedule %s failed", taken.schedule.name)
            outcome, text = RunOutcome.FAILED, f"{type(error).__name__}: {error}"
        ended = Ended(outcome, text, round((time.monotonic() - began) * 1000))
        self._under_way.discard(taken.run.id)
        self._record(taken, ended)

    def renew(self, connection: Connection) -> None:
        """Keep the runs that are under way here."""
        if self._under_way:
            Running(connection).renew(tuple(self._under_way), self._holding())

    def _take(self, connection: Connection, seen: ScheduleEntry) -> Taken | None:
        if seen.next_run_at is None or seen.kind not in self._kinds:
            return None
        now = self._clock()
        moment = latest_run(seen.timetable, seen.next_run_at, now)
        following = following_run(seen.timetable, moment, now)
        run = Running(connection).take(seen, moment, following, self._holding())
        return Taken(run, seen) if run else None

    def _take_up(self, connection: Connection, run: RunEntry) -> Taken | None:
        running, schedule = Running(connection), Schedules(connection).find(run.schedule)
        if schedule is None or schedule.kind not in self._kinds:
            return None
        if run.outcome == RunOutcome.ASKED:
            return Taken(run, schedule) if running.take_asked(run, self._holding()) else None
        last = run.tries >= TRIES
        if not running.cut_off(run, self._clock(), GIVEN_UP if last else CUT_OFF) or last:
            return None
        log.warning("schedule %s was cut off and is run again", schedule.name)
        again = running.take_again(run, self._holding())
        return Taken(again, schedule) if again else None

    def _call(self, taken: Taken) -> Call:
        run, schedule = taken.run, taken.schedule
        return Call(
            key=f"{schedule.id}/{run.moment.isoformat()}",
            arguments=schedule.arguments,
            moment=run.moment,
            # Whoever asks for a run wants it now, whatever their clocks show.
            wall=wall_of(schedule.timetable, run.moment) if run.triggered_by == TIMER else None,
            clock=self._clock,
            stopping=self.stopping,
        )

    def _record(self, taken: Taken, ended: Ended) -> None:
        now = self._clock()
        try:
            recorded = self._database.transact(lambda tx: Running(tx).end(taken.run, ended, now))
        except DatabaseAway as error:
            self._leave(taken, error)
            return
        if not recorded:
            log.warning("schedule %s was taken for dead while it ran, and is run again", taken.schedule.name)

    def _leave(self, taken: Taken, error: DatabaseAway) -> None:
        """Let the lease run out: whoever then leads does it again."""
        self._under_way.discard(taken.run.id)
        log.warning("the database is away; schedule %s will be run again: %s", taken.schedule.name, error)

    def _holding(self) -> Holding:
        now = self._clock()
        return Holding(self._holder, now, now + LEASE)
