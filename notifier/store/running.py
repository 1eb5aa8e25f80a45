"""Runs of schedules: taken by one scheduler, kept alive by it, and taken up again by another where it died."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, literal_column, or_, select, update

from notifier.policy.schedules import RunOutcome
from notifier.store.models import Schedule, ScheduleRun
from notifier.store.schedules import RunEntry, ScheduleEntry, run_entry, schedule_entry
from notifier.store.sql import insert
from notifier.store.types import Utc, new_id

KEPT = 1_000  # runs of each schedule
TEXT = 1_000  # characters of what is said of a run
TIMER = "timer"  # what triggered a run that nobody asked for
OPEN = (RunOutcome.ASKED, RunOutcome.RUNNING)
# In the index's own words, since SQLite uses it for no others.
_IS_OPEN: ColumnElement[bool] = literal_column("schedule_runs.outcome IN ('asked', 'running')")
# Asked every second, so made once.
_WAITS = select(
    or_(
        exists().where(Schedule.next_run_at.is_not(None), Schedule.next_run_at <= bindparam("now", type_=Utc())),
        exists().where(_IS_OPEN, ScheduleRun.until <= bindparam("now", type_=Utc())),
    )
)


@dataclass(frozen=True, slots=True)
class Holding:
    """Who takes runs, and until when they are theirs, unless renewed (aware UTC)."""

    holder: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run went."""

    outcome: RunOutcome
    text: str
    ms: int


class Running:
    """The runs that are under way, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waits(self, now: datetime) -> bool:
        """Whether anything is due, or free to be taken."""
        return bool(self._connection.scalar(_WAITS, {"now": now}))

    def due(self, kinds: Collection[str], now: datetime, limit: int) -> list[ScheduleEntry]:
        """Schedules of these kinds whose time has come, the longest overdue first; one that runs waits for its end."""
        query = select(Schedule).where(Schedule.next_run_at <= now, Schedule.run_id.is_(None))
        rows = self._connection.execute(
            query.where(Schedule.kind.in_(kinds)).order_by(Schedule.next_run_at).limit(limit)
        )
        return [schedule_entry(row) for row in rows]

    def free(self, now: datetime, limit: int) -> list[RunEntry]:
        """Runs that were asked for, and those whose process is no longer heard of."""
        query = select(ScheduleRun).where(_IS_OPEN, ScheduleRun.until <= now)
        rows = self._connection.execute(query.order_by(ScheduleRun.until).limit(limit))
        return [run_entry(row) for row in rows]

    def take(
        self, seen: ScheduleEntry, moment: datetime, next_run_at: datetime | None, holding: Holding
    ) -> RunEntry | None:
        """Begin the run of a moment that has come; None where another took it, or it was changed meanwhile."""
        run = new_id("run")
        claimed = self._connection.execute(
            update(Schedule)
            .where(
                Schedule.id == seen.id,
                Schedule.next_run_at == seen.next_run_at,
                Schedule.changed_at == seen.changed_at,
                Schedule.run_id.is_(None),
            )
            .values(next_run_at=next_run_at, run_id=run)
        )
        if claimed.rowcount != 1:
            return None
        begun = self._begin(run, seen.id, moment, tries=1, by=TIMER, holding=holding)
        if begun is None:  # this moment was run for before, under other times
            self._free(seen.id, run)
        return begun

    def take_asked(self, run: RunEntry, holding: Holding) -> bool:
        """Begin a run that was asked for; False where another did, or one is still under way."""
        alone = update(Schedule).where(Schedule.id == run.schedule, Schedule.run_id.is_(None)).values(run_id=run.id)
        if self._connection.execute(alone).rowcount != 1:
            return False
        begun = self._connection.execute(
            update(ScheduleRun)
            .where(ScheduleRun.id == run.id, ScheduleRun.outcome == RunOutcome.ASKED)
            .values(outcome=RunOutcome.RUNNING, holder=holding.holder, until=holding.until, started_at=holding.now)
        )
        if begun.rowcount != 1:
            self._free(run.schedule, run.id)
        return begun.rowcount == 1

    def cut_off(self, run: RunEntry, now: datetime, text: str) -> bool:
        """Record that nobody knows what came of it; False where it ended, or is heard of again."""
        cut = self._connection.execute(
            update(ScheduleRun)
            .where(ScheduleRun.id == run.id, ScheduleRun.outcome == RunOutcome.RUNNING, ScheduleRun.until <= now)
            .values(outcome=RunOutcome.CUT_OFF, text=text, until=None, ended_at=now)
        )
        if cut.rowcount != 1:
            return False
        self._last(run, Ended(RunOutcome.CUT_OFF, text, 0), run.started_at or now)
        return True

    def take_again(self, run: RunEntry, holding: Holding) -> RunEntry | None:
        """Begin a run that was cut off anew, as one more try; None where its schedule is gone, paused or runs."""
        again = new_id("run")
        alone = update(Schedule).where(Schedule.id == run.schedule, Schedule.run_id.is_(None))
        if run.triggered_by == TIMER:
            alone = alone.where(Schedule.enabled)
        if self._connection.execute(alone.values(run_id=again)).rowcount != 1:
            return None
        return self._begin(again, run.schedule, run.moment, tries=run.tries + 1, by=run.triggered_by, holding=holding)

    def renew(self, runs: Collection[str], holding: Holding) -> None:
        """Keep these runs for longer."""
        theirs = (ScheduleRun.id.in_(runs), ScheduleRun.holder == holding.holder)
        still = (*theirs, ScheduleRun.outcome == RunOutcome.RUNNING)
        self._connection.execute(update(ScheduleRun).where(*still).values(until=holding.until))

    def end(self, run: RunEntry, ended: Ended, now: datetime) -> bool:
        """Record how a run went; False where it was cut off meanwhile, and another does it again."""
        done = self._connection.execute(
            update(ScheduleRun)
            .where(ScheduleRun.id == run.id, ScheduleRun.outcome == RunOutcome.RUNNING)
            .values(outcome=ended.outcome, text=ended.text[:TEXT], ms=ended.ms, until=None, ended_at=now)
        )
        if done.rowcount != 1:
            return False
        self._last(run, ended, run.started_at or now)
        self._trim(run.schedule)
        return True

    def _begin(
        self, run: str, schedule: str, moment: datetime, *, tries: int, by: str, holding: Holding
    ) -> RunEntry | None:
        row = insert(self._connection, ScheduleRun).values(
            id=run,
            schedule_id=schedule,
            moment=moment,
            tries=tries,
            triggered_by=by,
            outcome=RunOutcome.RUNNING,
            holder=holding.holder,
            until=holding.until,
            started_at=holding.now,
        )
        once = row.on_conflict_do_nothing(index_elements=["schedule_id", "moment", "tries"])
        begun = self._connection.execute(once.returning(ScheduleRun)).one_or_none()
        return run_entry(begun) if begun else None

    def _last(self, run: RunEntry, ended: Ended, at: datetime) -> None:
        said = {"last_run_at": at, "last_outcome": ended.outcome, "last_text": ended.text[:TEXT], "last_ms": ended.ms}
        its = (Schedule.id == run.schedule, Schedule.run_id == run.id)
        self._connection.execute(update(Schedule).where(*its).values(run_id=None, **said))

    def _free(self, schedule: str, run: str) -> None:
        its = (Schedule.id == schedule, Schedule.run_id == run)
        self._connection.execute(update(Schedule).where(*its).values(run_id=None))

    def _trim(self, schedule: str) -> None:
        ids = select(ScheduleRun.id).where(ScheduleRun.schedule_id == schedule).order_by(ScheduleRun.id.desc())
        oldest = self._connection.scalar(ids.offset(KEPT).limit(1))
        if oldest:
            old = (ScheduleRun.schedule_id == schedule, ScheduleRun.id <= oldest, ScheduleRun.outcome.not_in(OPEN))
            self._connection.execute(delete(ScheduleRun).where(*old))
