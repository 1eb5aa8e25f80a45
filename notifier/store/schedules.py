"""Schedules as they are kept, changed and listed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update
from sqlalchemy.exc import IntegrityError

from notifier.policy.schedules import RunOutcome
from notifier.policy.timetable import Timetable
from notifier.store.models import Schedule, ScheduleRun
from notifier.store.sql import AnyRow, insert, locked_all
from notifier.store.types import new_id


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the newest run that ended went."""

    at: datetime
    outcome: RunOutcome
    text: str
    ms: int


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """A schedule as it stands. `running` is the run that is under way."""

    id: str
    name: str
    kind: str
    arguments: Mapping[str, Any]
    timetable: Timetable
    enabled: bool
    built_in: bool
    next_run_at: datetime | None
    running: str | None
    last: LastRun | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule to be kept."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    timetable: Timetable
    enabled: bool
    next_run_at: datetime | None
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run of a schedule."""

    id: str
    schedule: str
    moment: datetime
    tries: int
    triggered_by: str
    outcome: RunOutcome
    text: str
    holder: str
    started_at: datetime | None
    ended_at: datetime | None
    ms: int | None


class Schedules:
    """All about schedules, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: NewSchedule, who: str, now: datetime) -> str | None:
        """Keep it; gives its id, or None where the name is taken."""
        row = insert(self._connection, Schedule).values(
            id=new_id("sch"),
            kind=new.kind,
            built_in=new.built_in,
            created_at=now,
            created_by=who,
            **_changeable(new, who, now),
        )
        added = row.on_conflict_do_nothing(index_elements=["name"]).returning(Schedule.id)
        made: str | None = self._connection.scalar(added)
        return made

    def change(self, id: str, new: NewSchedule, who: str, now: datetime) -> bool:
        """Put this in the place of one that is held; its kind stays. False where the name is another's."""
        try:
            with self._connection.begin_nested():
                changed = update(Schedule).where(Schedule.id == id).values(**_changeable(new, who, now))
                self._connection.execute(changed)
        except IntegrityError:
            return False
        return True

    def remove(self, id: str) -> None:
        """Forget it and its runs."""
        self._connection.execute(delete(Schedule).where(Schedule.id == id))

    def find(self, id: str) -> ScheduleEntry | None:
        """The schedule of that id, or None."""
        return self._one(select(Schedule).where(Schedule.id == id))

    def hold(self, id: str) -> ScheduleEntry | None:
        """The same, which nobody else changes or asks for before the commit."""
        return self._one(locked_all(self._connection, select(Schedule).where(Schedule.id == id)))

    def named(self, name: str) -> ScheduleEntry | None:
        """The schedule of that name, or None."""
        return self._one(select(Schedule).where(Schedule.name == name))

    def page(self, after: str, limit: int) -> list[ScheduleEntry]:
        """Up to `limit` schedules in the order of their ids, those after that one."""
        query = select(Schedule).order_by(Schedule.id).limit(limit)
        rows = self._connection.execute(query.where(Schedule.id > after) if after else query)
        return [schedule_entry(row) for row in rows]

    def runs(self, schedule: str, before: str, limit: int) -> list[RunEntry]:
        """Up to `limit` of its runs, the newest first, those before that one."""
        query = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule)
        query = query.order_by(ScheduleRun.id.desc()).limit(limit)
        rows = self._connection.execute(query.where(ScheduleRun.id < before) if before else query)
        return [run_entry(row) for row in rows]

    def ask(self, schedule: str, who: str, now: datetime) -> RunEntry:
        """Ask for a run of one that is held; one that was asked for already and has not begun stands for both."""
        asked = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule, ScheduleRun.outcome == RunOutcome.ASKED)
        found = self._connection.execute(asked).first()
        return run_entry(found) if found else self._asked(schedule, who, now)

    def note(self, kind: str, last: LastRun) -> None:
        """Say how the newest run of a built-in schedule went of which no history is kept."""
        said = {"last_run_at": last.at, "last_outcome": last.outcome, "last_text": last.text, "last_ms": last.ms}
        self._connection.execute(update(Schedule).where(Schedule.kind == kind, Schedule.built_in).values(**said))

    def _one(self, query: Select[*tuple[Any, ...]]) -> ScheduleEntry | None:
        row = self._connection.execute(query).one_or_none()
        return schedule_entry(row) if row else None

    def _asked(self, schedule: str, who: str, now: datetime) -> RunEntry:
        row = insert(self._connection, ScheduleRun).values(
            id=new_id("run"),
            schedule_id=schedule,
            moment=now,
            tries=1,
            triggered_by=who,
            outcome=RunOutcome.ASKED,
            until=now,
        )
        once = row.on_conflict_do_nothing(index_elements=["schedule_id", "moment", "tries"])
        asked = self._connection.execute(once.returning(ScheduleRun)).one_or_none()
        # The moment itself may have been run for: a microsecond later nothing was.
        return run_entry(asked) if asked else self._asked(schedule, who, now + timedelta(microseconds=1))


def schedule_entry(row: AnyRow) -> ScheduleEntry:
    """The schedule of a row of `schedules`."""
    last = None
    if row.last_run_at:
        last = LastRun(row.last_run_at, RunOutcome(row.last_outcome), row.last_text, row.last_ms or 0)
    return ScheduleEntry(
        id=row.id,
        name=row.name,
        kind=row.kind,
        arguments=json.loads(row.arguments),
        timetable=_timetable(row),
        enabled=row.enabled,
        built_in=row.built_in,
        next_run_at=row.next_run_at,
        running=row.run_id,
        last=last,
        created_at=row.created_at,
        created_by=row.created_by,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


def run_entry(row: AnyRow) -> RunEntry:
    """The run of a row of `schedule_runs`."""
    return RunEntry(
        id=row.id,
        schedule=row.schedule_id,
        moment=row.moment,
        tries=row.tries,
        triggered_by=row.triggered_by,
        outcome=RunOutcome(row.outcome),
        text=row.text,
        holder=row.holder,
        started_at=row.started_at,
        ended_at=row.ended_at,
        ms=row.ms,
    )


def _timetable(row: AnyRow) -> Timetable:
    interval = timedelta(seconds=row.interval_seconds) if row.interval_seconds else None
    at = datetime.fromisoformat(row.at) if row.at else None
    return Timetable(row.cron, interval, at, row.timezone, row.local)


def _changeable(new: NewSchedule, who: str, now: datetime) -> dict[str, Any]:
    timetable = new.timetable
    return {
        "name": new.name,
        "arguments": json.dumps(new.arguments, ensure_ascii=False),
        "cron": timetable.cron,
        "interval_seconds": int(timetable.interval.total_seconds()) if timetable.interval else None,
        "at": timetable.at.isoformat(timespec="seconds") if timetable.at else "",
        "timezone": timetable.zone,
        "local": timetable.local,
        "enabled": new.enabled,
        "next_run_at": new.next_run_at,
        "changed_at": now,
        "changed_by": who,
    }
