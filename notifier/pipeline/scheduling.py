"""Schedules as people make, change, pause and run them; whatever they do is on record."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from notifier.pipeline import Clock, drafting
from notifier.pipeline.drafting import CannotChange, Change, Known
from notifier.pipeline.kinds import Kinds
from notifier.policy.schedules import Draft
from notifier.store.admins import Admins
from notifier.store.database import Database
from notifier.store.leases import Held, Leases
from notifier.store.schedules import NewSchedule, RunEntry, ScheduleEntry, Schedules

T = TypeVar("T")
LEASE = "scheduler"  # the name of the schedulers' lease


class Scheduling:
    """Makes and changes schedules. What is given an id answers None where there is no such schedule."""

    def __init__(self, database: Database, kinds: Kinds, reserved: frozenset[str], clock: Clock) -> None:
        self._database = database
        self._known = Known(kinds, reserved)
        self._clock = clock
        self.kinds = kinds

    def find(self, id: str) -> ScheduleEntry | None:
        """The schedule as it stands."""
        with self._database.read() as connection:
            return Schedules(connection).find(id)

    def named(self, name: str) -> ScheduleEntry | None:
        """The schedule of that name, as it stands."""
        with self._database.read() as connection:
            return Schedules(connection).named(name)

    def page(self, after: str, limit: int) -> list[ScheduleEntry]:
        """Up to `limit` schedules, the oldest first."""
        with self._database.read() as connection:
            return Schedules(connection).page(after, limit)

    def runs(self, id: str, before: str, limit: int) -> list[RunEntry]:
        """Up to `limit` runs of a schedule, the newest first."""
        with self._database.read() as connection:
            return Schedules(connection).runs(id, before, limit)

    def heartbeat(self) -> Held | None:
        """Which scheduler leads, and when it was last heard of; None where none ever was."""
        with self._database.read() as connection:
            return Leases(connection).find(LEASE)

    def add(self, draft: Draft, who: str) -> ScheduleEntry:
        """Make a schedule. Raises `WrongSchedule`, and `CannotChange` where its name is taken."""
        now = self._clock()
        new = drafting.checked(draft, self._known, now)

        def work(connection: Connection) -> ScheduleEntry:
            schedules = Schedules(connection)
            added = schedules.add(new, who, now)
            if added is None:
                raise CannotChange(f"There is a schedule named {new.name!r} already.")
            Admins(connection).note(who, "schedule.add", f"{added} {new.name}", now)
            return _found(schedules, added)

        return self._database.transact(work)

    def change(self, id: str, change: Change, who: str) -> ScheduleEntry | None:
        """Change a schedule. Raises `WrongSchedule`, and `CannotChange`."""
        return self._act(id, who, "schedule.edit", lambda entry, now: drafting.changed(entry, change, self._known, now))

    def pause(self, id: str, who: str) -> ScheduleEntry | None:
        """Let it run no more until it is resumed. Raises `CannotChange`."""
        return self._act(id, who, "schedule.pause", lambda entry, now: self._switched(entry, now, on=False))

    def resume(self, id: str, who: str) -> ScheduleEntry | None:
        """Let it run again; what it missed meanwhile is not made up for. Raises `CannotChange`."""
        return self._act(id, who, "schedule.resume", lambda entry, now: self._switched(entry, now, on=True))

    def run_now(self, id: str, who: str) -> RunEntry | None:
        """Ask for a run at once, also of one that is paused. Raises `CannotChange`."""

        def ask(connection: Connection, entry: ScheduleEntry, now: datetime) -> RunEntry:
            self._known.not_vital(entry)
            Admins(connection).note(who, "schedule.run", f"{id} {entry.name}", now)
            return Schedules(connection).ask(id, who, now)

        return self._held(id, ask)

    def remove(self, id: str, who: str) -> ScheduleEntry | None:
        """Remove it with its history; gives what it was. Raises `CannotChange`."""

        def remove(connection: Connection, entry: ScheduleEntry, now: datetime) -> ScheduleEntry:
            if entry.built_in:
                raise CannotChange(f"{entry.name} is built in and cannot be removed; it can be paused.")
            Schedules(connection).remove(id)
            Admins(connection).note(who, "schedule.remove", f"{id} {entry.name}", now)
            return entry

        return self._held(id, remove)

    def _act(
        self, id: str, who: str, action: str, change: Callable[[ScheduleEntry, datetime], NewSchedule]
    ) -> ScheduleEntry | None:
        def act(connection: Connection, entry: ScheduleEntry, now: datetime) -> ScheduleEntry:
            changed, schedules = change(entry, now), Schedules(connection)
            if not schedules.change(id, changed, who, now):
                raise CannotChange(f"There is a schedule named {changed.name!r} already.")
            Admins(connection).note(who, action, f"{id} {changed.name}", now)
            return _found(schedules, id)

        return self._held(id, act)

    def _held(self, id: str, act: Callable[[Connection, ScheduleEntry, datetime], T]) -> T | None:
        """Act on a schedule that nobody else changes meanwhile; None where there is none."""
        now = self._clock()

        def work(connection: Connection) -> T | None:
            entry = Schedules(connection).hold(id)
            return act(connection, entry, now) if entry else None

        return self._database.transact(work)

    def _switched(self, entry: ScheduleEntry, now: datetime, *, on: bool) -> NewSchedule:
        return drafting.changed(entry, Change(enabled=on), self._known, now)


def _found(schedules: Schedules, id: str) -> ScheduleEntry:
    entry = schedules.find(id)
    assert entry is not None  # noqa: S101 (it was just stored, in this transaction)
    return entry
