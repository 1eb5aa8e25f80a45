"""Jobs on many deliveries: asked for once, done a chunk at a time, each chunk and its progress in one transaction."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.sweep import Sweeper
from notifier.store.admins import Admins
from notifier.store.database import Database
from notifier.store.jobs import ANY_DUE, Act, JobEntry, Jobs, JobState, NewJob
from notifier.store.log import Filter
from notifier.store.operate import Operate

CHUNKS = {Act.RETRY: 500, Act.CANCEL: 100}  # deliveries in one transaction
MOST = 10_000  # what a job is expected to do is counted no further
TURN = 2.0  # seconds after which a job lets others have the worker


class Working:
    """Makes jobs, does them and stops them. Several may work on one: each chunk is one's alone.

    `ring` asks the workers to go on with these jobs; where it is not heard, the sweep rings again.
    """

    def __init__(
        self, database: Database, sweeper: Sweeper, clock: Clock, ring: Callable[[Iterable[str]], object]
    ) -> None:
        self._database = database
        self._sweeper = sweeper
        self._clock = clock
        self._ring = ring

    def count(self, act: Act, wanted: Filter) -> int:
        """How many deliveries it would act on now; counted no further than one above `MOST`."""
        with self._database.read() as connection:
            return Operate(connection).count_for(act, wanted, MOST + 1)

    def start(self, act: Act, wanted: Filter, *, who: str) -> JobEntry | None:
        """Ask for it and let the workers begin; None where there is no delivery at all."""
        job = self.add(act, wanted, who=who)
        if job:
            self._ring([job.id])
        return job

    def add(self, act: Act, wanted: Filter, *, who: str) -> JobEntry | None:
        """Ask for it; whoever calls `work` does it, else a worker before long."""
        expected = self.count(act, wanted)

        def add(connection: Connection) -> JobEntry | None:
            now = self._clock()
            job = Jobs(connection).add(NewJob(act, wanted, who, expected), now)
            if job:
                Admins(connection).note(who, f"deliveries.{act}", f"{job.id}: {wanted}", now)
            return job

        return self._database.transact(add)

    def work(self, id: str, *, seconds: float = TURN) -> JobEntry | None:
        """Do chunks of it for about so long; gives where it then stands. Raises `DatabaseAway`."""
        until = time.monotonic() + seconds
        while self._chunk(id) and time.monotonic() < until:
            pass
        return self.find(id)

    def work_and_ring(self, id: str, *, seconds: float = TURN) -> JobEntry | None:
        """Do some of it, and ring for the rest; gives where it then stands."""
        job = self.work(id, seconds=seconds)
        if job and job.runs:
            self._ring([id])
        return job

    def take_turns(self, ids: Iterable[str]) -> None:
        """Do some of each of these."""
        for id_ in ids:
            self.work_and_ring(id_)

    def stop(self, id: str, *, who: str) -> bool:
        """Let it do no more; what it did stays done. False where it is over already."""

        def stop(connection: Connection) -> bool:
            now = self._clock()
            stopped = Jobs(connection).end(id, JobState.STOPPED, now)
            if stopped:
                Admins(connection).note(who, "job.stop", id, now)
            return stopped

        return self._database.transact(stop)

    def find(self, id: str) -> JobEntry | None:
        """The job, or None."""
        with self._database.read() as connection:
            return Jobs(connection).find(id)

    def latest(self, most: int) -> list[JobEntry]:
        """The latest jobs, newest first."""
        with self._database.read() as connection:
            return Jobs(connection).latest(most)

    def take_due(self) -> list[str]:
        """Jobs that somebody began and left: to be rung for."""
        now = self._clock()
        if not self._database.ask(ANY_DUE, now):
            return []
        return self._database.transact(lambda tx: Jobs(tx).take_due(now))

    def _chunk(self, id: str) -> bool:
        """Do the next chunk; whether there may be more."""
        job, ready = self._database.transact(lambda tx: self._do(tx, id))
        if ready:
            self._sweeper.hasten(ready, [])
        return job is not None and job.runs

    def _do(self, connection: Connection, id: str) -> tuple[JobEntry | None, list[str]]:
        now, jobs, operate = self._clock(), Jobs(connection), Operate(connection)
        job = jobs.hold(id, now)
        if job is None:
            return None, []
        ids = operate.next_for(job.act, job.wanted, after=job.place, upto=job.upto, limit=CHUNKS[job.act])
        if not ids:
            jobs.end(id, JobState.DONE, now)
            return replace(job, state=JobState.DONE), []
        if job.act == Act.RETRY:
            made = operate.retry(Filter(ids=tuple(ids)), len(ids), now)
            jobs.move(id, ids[-1], len(made))
            return job, [one.id for one in made]
        jobs.move(id, ids[-1], sum(operate.cancel(one, now) for one in ids))
        return job, []
