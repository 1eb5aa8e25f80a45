"""The scheduler's process: fixed ticks, and a pool of threads for the acts of schedules."""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from notifier.pipeline import Clock
from notifier.pipeline.runs import Runner, Taken
from notifier.policy.schedules import RunOutcome
from notifier.scheduler.lead import BEAT, Lead
from notifier.store.database import DatabaseAway
from notifier.store.schedules import LastRun, NewSchedule

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1
ACTS = 8  # at once


class Ticks:
    """What one scheduler does: it sweeps in any case, and runs schedules while it leads."""

    def __init__(
        self, sweep: Callable[[], int], runner: Runner, lead: Lead, built_in: Sequence[NewSchedule], clock: Clock
    ) -> None:
        self._sweep = sweep
        self._runner = runner
        self._lead = lead
        self._built_in = built_in
        self._clock = clock
        self._swept: LastRun | None = None
        self._kept = False
        self._scheduler = BlockingScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(4), "acts": ThreadPoolExecutor(ACTS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def run(self) -> None:
        """Tick until SIGTERM or SIGINT; acts under way are let end."""
        self._scheduler.add_job(_while_away(self.begin), id="begin")
        for act, seconds in ((self.sweep, SWEEP_SECONDS), (self.due, SWEEP_SECONDS), (self.beat, BEAT)):
            self._scheduler.add_job(_while_away(act), "interval", seconds=seconds, id=act.__name__)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        self._scheduler.start()
        with suppress(DatabaseAway):  # then the lease runs out by itself
            self._lead.leave()

    def begin(self) -> None:
        """Lead at once where nobody does, rather than with the first ticks."""
        self.beat()
        self.due()

    def sweep(self) -> None:
        """Ring for whatever is overdue."""
        at, began = self._clock(), time.monotonic()
        outcome, text = RunOutcome.FAILED, "It failed; the log of the scheduler says why."
        try:
            found = self._sweep()
            outcome, text = RunOutcome.OK, f"{found:,} overdue" if found else ""
        except DatabaseAway:
            text = "The database does not answer."
            raise
        finally:
            self._swept = LastRun(at, outcome, text, round((time.monotonic() - began) * 1000))

    def due(self) -> None:
        """Run what has come, each in a thread of its own."""
        if not self._lead.ours or self._runner.stopping.is_set():
            return
        if not self._kept:
            self._runner.keep(self._built_in)
            self._kept = True
        for taken in self._runner.take():
            self._scheduler.add_job(self._perform, args=[taken], id=taken.run.id, executor="acts")

    def beat(self) -> None:
        """Be heard of."""
        self._lead.beat(("sweep", self._swept))

    def _perform(self, taken: Taken) -> None:
        self._runner.perform(taken)

    def _stop(self) -> None:
        self._runner.stopping.set()
        self._scheduler.shutdown(wait=True)


def _while_away(act: Callable[[], None]) -> Callable[[], None]:
    def tick() -> None:
        try:
            act()
        except DatabaseAway as error:
            log.warning("the database is away; the next tick tries again: %s", error)

    return tick
