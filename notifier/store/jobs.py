"""Jobs: what operators asked for on all deliveries of a filter, and how far it has come."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select, update

from notifier.store.log import Filter
from notifier.store.models import Delivery, Job
from notifier.store.sql import AnyRow, insert, locked_all
from notifier.store.types import new_id

LEASE = timedelta(seconds=30)  # whoever has not moved a job in this time has left it
# In the driver's own SQL, see `Database.ask`.
ANY_DUE = "SELECT 1 FROM jobs WHERE state = 'running' AND due_at <= ? LIMIT 1"


class Act(StrEnum):
    """What a job does to each of its deliveries."""

    RETRY = "retry"
    CANCEL = "cancel"


class JobState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # by an admin; what it did stays done


@dataclass(frozen=True, slots=True)
class JobEntry:
    """One job. `expected` was counted when it was asked for, no further than a bound; `place` is how far it came."""

    id: str
    act: Act
    wanted: Filter
    who: str
    state: JobState
    expected: int
    done: int
    place: str
    upto: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def runs(self) -> bool:
        return self.state == JobState.RUNNING


@dataclass(frozen=True, slots=True)
class NewJob:
    """What somebody asks for."""

    act: Act
    wanted: Filter
    who: str
    expected: int


class Jobs:
    """The jobs, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, new: NewJob, now: datetime) -> JobEntry | None:
        """Ask for it, on all deliveries that there are now; None where there is none at all."""
        newest = self._connection.scalar(select(Delivery.id).order_by(Delivery.id.desc()).limit(1))
        if newest is None:
            return None
        entry = JobEntry(
            new_id("job"), new.act, new.wanted, new.who, JobState.RUNNING, new.expected, 0, "", newest, now, None
        )
        row = {"id": entry.id, "act": new.act, "wanted": _written(new.wanted), "who": new.who, "state": entry.state}
        counts = {"expected": new.expected, "done": 0, "place": None, "upto": newest}
        times = {"created_at": now, "due_at": now + LEASE, "ended_at": None}
        self._connection.execute(insert(self._connection, Job).values(row | counts | times))
        return entry

    def find(self, id: str) -> JobEntry | None:
        """The job of that id, or None."""
        row = self._connection.execute(select(Job).where(Job.id == id)).one_or_none()
        return _entry(row) if row else None

    def latest(self, most: int) -> list[JobEntry]:
        """The latest jobs, newest first."""
        return [_entry(row) for row in self._connection.execute(select(Job).order_by(Job.id.desc()).limit(most))]

    def hold(self, id: str, now: datetime) -> JobEntry | None:
        """Lock a job that runs, until the commit; nobody else takes it up for a while. None where it does not run."""
        query = select(Job).where(Job.id == id, Job.state == JobState.RUNNING)
        row = self._connection.execute(locked_all(self._connection, query)).one_or_none()
        if row is None:
            return None
        self._connection.execute(update(Job).where(Job.id == id).values(due_at=now + LEASE))
        return _entry(row)

    def move(self, id: str, place: str, done: int) -> None:
        """It has come so far, and did that many more."""
        self._connection.execute(update(Job).where(Job.id == id).values(place=place, done=Job.done + done))

    def end(self, id: str, state: JobState, now: datetime) -> bool:
        """It is over; False where it was already."""
        runs = Job.id == id, Job.state == JobState.RUNNING
        return self._connection.execute(update(Job).where(*runs).values(state=state, ended_at=now)).rowcount == 1

    def forget(self, person: str, name: str) -> None:
        """Let the filters that name a person name somebody else, who was nobody."""
        for row in self._connection.execute(select(Job.id, Job.wanted)).all():
            wanted = _read(json.loads(row.wanted))
            if wanted.user == person:
                values = {"wanted": _written(replace(wanted, user=name))}
                self._connection.execute(update(Job).where(Job.id == row.id).values(values))

    def take_due(self, now: datetime) -> list[str]:
        """Jobs that nobody has moved for a while; each is given once in a lease."""
        due = Job.state == JobState.RUNNING, Job.due_at <= now
        taken = update(Job).where(*due).values(due_at=now + LEASE).returning(Job.id)
        return list(self._connection.scalars(taken))


def _written(wanted: Filter) -> bytes:
    return json.dumps({name: value for name, value in asdict(wanted).items() if value}, default=_iso).encode()


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def _read(raw: Mapping[str, Any]) -> Filter:
    found: dict[str, Any] = {}
    for field in fields(Filter):
        value = raw.get(field.name)
        if value:
            found[field.name] = tuple(value) if isinstance(value, list) else value
    found |= {name: datetime.fromisoformat(found[name]) for name in ("since", "until") if name in found}
    return Filter(**found)


def _entry(row: AnyRow) -> JobEntry:
    return JobEntry(
        row.id,
        Act(row.act),
        _read(json.loads(row.wanted)),
        row.who,
        JobState(row.state),
        row.expected,
        row.done,
        row.place or "",
        row.upto,
        row.created_at,
        row.ended_at,
    )
