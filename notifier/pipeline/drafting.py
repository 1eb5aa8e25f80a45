"""Schedules that people want, and changes to them, checked before anything is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notifier.pipeline.kinds import Arguments, Kind, Kinds
from notifier.policy.schedules import (
    NAME,
    NOW,
    Draft,
    WrongSchedule,
    changed_timing,
    fault_of_arguments,
    fault_of_name,
    read_timing,
    timing_of,
)
from notifier.policy.timetable import Timetable, first_run
from notifier.store.schedules import NewSchedule, ScheduleEntry
from notifier.store.types import new_id

Faults = list[tuple[str, str]]


class CannotChange(Exception):
    """What was asked stands against how the schedule is. The message is a sentence for who asked."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; what is None stays. `timing` are fields of a `Timing`, by their names."""

    name: str | None = None
    timing: Mapping[str, Any] = field(default_factory=dict)
    arguments: Arguments | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The kinds that there are, and the names that belong to built-in schedules."""

    kinds: Kinds
    reserved: frozenset[str]

    def faults_of_name(self, name: str) -> Faults:
        """Why nobody can give a schedule this name."""
        if fault := fault_of_name(name):
            return [("/name", fault)]
        taken = name in self.reserved
        return [("/name", "This name is that of a built-in schedule; choose another.")] if taken else []

    def not_vital(self, entry: ScheduleEntry) -> None:
        """Raises `CannotChange` where the service cannot do without it."""
        if (kind := self.kinds.get(entry.kind)) and kind.vital:
            raise CannotChange(f"{entry.name} keeps the service alive: it cannot be changed, paused or run by hand.")


def named_after(title: str) -> str:
    """A name for what has this title, that nothing else has."""
    words = "".join(mark if mark.isprintable() else " " for mark in title)[: NAME - 7].strip()
    return f"{words} {new_id('sch')[-6:]}".strip()


def checked(draft: Draft, known: Known, now: datetime) -> NewSchedule:
    """The schedule as it is to be kept. Raises `WrongSchedule`, which names all that is wrong."""
    kind = known.kinds.get(draft.kind)
    faults = known.faults_of_name(draft.name)
    if kind is None or kind.vital:
        names = ", ".join(name for name, kind in known.kinds.items() if not kind.vital)
        faults.append(("/kind", f"This must be one of: {names}."))
    else:
        faults += _faults_of_arguments(kind, draft.arguments) + _faults_of_local(kind, local=draft.timing.local)
    timetable = _timetable(draft, now, faults)
    # "Now" is a moment that has passed by now.
    first = now if draft.timing.at == NOW else first_run(timetable, now)
    return NewSchedule(
        draft.name, draft.kind, draft.arguments, timetable, draft.enabled, first if draft.enabled else None
    )


def changed(entry: ScheduleEntry, change: Change, known: Known, now: datetime) -> NewSchedule:
    """The schedule as it is to be kept from now on. Raises `WrongSchedule`, and `CannotChange`."""
    known.not_vital(entry)
    name = entry.name if change.name is None else change.name
    arguments = entry.arguments if change.arguments is None else change.arguments
    if entry.built_in and (name, arguments) != (entry.name, entry.arguments):
        raise CannotChange(f"{entry.name} is built in: when it runs can be changed, not its name or arguments.")
    kind, before = known.kinds.get(entry.kind), timing_of(entry.timetable)
    timing = changed_timing(before, change.timing)
    faults = known.faults_of_name(name) if name != entry.name else []
    if kind:
        faults += _faults_of_arguments(kind, arguments) + _faults_of_local(kind, local=timing.local)
    wanted = Draft(name, entry.kind, timing, arguments, entry.enabled if change.enabled is None else change.enabled)
    # One whose moment has passed may still be given another name.
    timetable = _timetable(wanted, now, faults) if timing != before else _kept(entry.timetable, faults)
    next_run_at = _next_run(entry, wanted, timetable, now)
    return NewSchedule(name, entry.kind, arguments, timetable, wanted.enabled, next_run_at, entry.built_in)


def _next_run(entry: ScheduleEntry, wanted: Draft, timetable: Timetable, now: datetime) -> datetime | None:
    if not wanted.enabled:
        return None
    if entry.enabled and timetable == entry.timetable:
        return entry.next_run_at
    first = now if wanted.timing.at == NOW else first_run(timetable, now)
    if first is None:
        raise CannotChange("Its one moment has passed; give it another one.")
    return first


def _timetable(draft: Draft, now: datetime, faults: Faults) -> Timetable:
    """Its timetable. Raises `WrongSchedule` with these faults and those of the timing."""
    try:
        timetable = read_timing(draft.timing, now)
    except WrongSchedule as wrong:
        raise WrongSchedule((*faults, *wrong.faults)) from None
    return _kept(timetable, faults)


def _kept(timetable: Timetable, faults: Faults) -> Timetable:
    if faults:
        raise WrongSchedule(tuple(faults))
    return timetable


def _faults_of_arguments(kind: Kind, arguments: Arguments) -> Faults:
    if fault := fault_of_arguments(arguments):
        return [("/arguments", fault)]
    return [(f"/arguments{pointer}", detail) for pointer, detail in kind.faults(arguments)]


def _faults_of_local(kind: Kind, *, local: bool) -> Faults:
    if not local or kind.local:
        return []
    return [("/local", f"A schedule of the kind {kind.name} concerns no person's own clock; it cannot be local.")]
