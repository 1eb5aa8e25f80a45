"""What a schedule is, when one is refused, and what becomes of its runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from notifier.policy.cron import WrongCron, read_cron
from notifier.policy.timetable import Timetable, first_run

SHORTEST, LONGEST = 60, 366 * 24 * 3600  # seconds, of an interval that people set
NAME = 64
ARGUMENTS = 128 * 1024  # bytes
NOW = "now"
WAYS = ("cron", "interval_seconds", "at")  # of saying when
TRIES = 5  # a run that is cut off so often is given up: it may be what kills its process


class RunOutcome(StrEnum):
    """Where a run stands."""

    ASKED = "asked"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    CUT_OFF = "cut_off"


class WrongSchedule(ValueError):
    """A schedule that cannot be: `faults` are JSON pointers, each with what would be right."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(detail for _, detail in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is to run, as somebody says it: one of `cron`, `interval_seconds` and `at`.

    `at` is a time on the zone's clock (2026-12-24T18:00), a moment with an offset, or `now`.
    """

    cron: str = ""
    interval_seconds: int | None = None
    at: str = ""
    timezone: str = ""
    local: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A schedule as somebody wants it."""

    name: str
    kind: str
    timing: Timing
    arguments: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


def read_timing(timing: Timing, now: datetime) -> Timetable:
    """The timetable, checked. Raises `WrongSchedule`, which names everything that is wrong."""
    faults = [*_faults_of_shape(timing), *_faults_of_parts(timing)]
    if faults:
        raise WrongSchedule(tuple(faults))
    zone, interval = timing.timezone or "UTC", timing.interval_seconds
    at = _wall(timing.at, now, zone) if timing.at else None
    timetable = Timetable(timing.cron, timedelta(seconds=interval) if interval else None, at, zone, timing.local)
    if timing.at != NOW and first_run(timetable, now) is None:
        raise WrongSchedule((("/at", "This moment has passed; it must be one that is still to come, or now."),))
    return timetable


def timing_of(timetable: Timetable) -> Timing:
    """The timing that would give this timetable."""
    interval = int(timetable.interval.total_seconds()) if timetable.interval else None
    at = timetable.at.isoformat(timespec="seconds") if timetable.at else ""
    return Timing(timetable.cron, interval, at, "" if timetable.local else timetable.zone, timetable.local)


def changed_timing(timing: Timing, given: Mapping[str, Any]) -> Timing:
    """The timing with some fields given anew: what is left out stays, and what no longer fits to them goes."""
    if any(name in given for name in WAYS):
        timing = replace(timing, cron="", interval_seconds=None, at="")
    moment = _moment(str(given.get("at", "")))
    if given.get("local") or (moment and moment.tzinfo):
        timing = replace(timing, timezone="")
    return replace(timing, **given)


def fault_of_name(name: str) -> str:
    """Why a schedule cannot have this name; empty where it can."""
    if 1 <= len(name) <= NAME and name.isprintable() and name == name.strip():
        return ""
    return f"A name has 1 to {NAME} printable characters, and no space at its ends."


def fault_of_arguments(arguments: Mapping[str, Any]) -> str:
    """Why a schedule of whatever kind cannot have these arguments; empty where it can."""
    try:
        octets = json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "They hold what cannot be kept, such as the number 1e400."
    return "" if len(octets) <= ARGUMENTS else f"They have at most {ARGUMENTS:,} bytes as JSON."


@cache
def zones() -> frozenset[str]:
    """The names of the tz database."""
    # Walks through files: milliseconds each time. The first two are no places.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _faults_of_shape(timing: Timing) -> list[tuple[str, str]]:
    given = [name for name in WAYS if getattr(timing, name) not in ("", None)]
    faults = []
    if not given:
        faults.append(("/cron", "Say when: one of cron, interval_seconds and at is needed."))
    faults += [(f"/{name}", f"Give either this or {given[0]}, not both.") for name in given[1:]]
    if timing.local and timing.timezone:
        faults.append(("/timezone", "A local schedule goes by each person's own clock; leave the time zone out."))
    if timing.local and (timing.interval_seconds is not None or timing.at == NOW):
        faults.append(("/local", "Only cron or a time in at can be local: an interval and now have no time of day."))
    return faults


def _faults_of_parts(timing: Timing) -> list[tuple[str, str]]:
    faults = []
    if timing.cron and (said := _fault_of_cron(timing.cron)):
        faults.append(("/cron", said))
    if timing.interval_seconds is not None and not SHORTEST <= timing.interval_seconds <= LONGEST:
        faults.append(("/interval_seconds", f"An interval has {SHORTEST} to {LONGEST} seconds."))
    if timing.timezone and timing.timezone not in zones():
        faults.append(("/timezone", "This must be a name of the tz database such as Europe/Berlin."))
    if timing.at and timing.at != NOW:
        faults += _faults_of_at(timing)
    return faults


def _fault_of_cron(line: str) -> str:
    if len(line) > 255:
        return "A cron line has at most 255 characters."
    try:
        read_cron(line)
    except WrongCron as wrong:
        return str(wrong)
    return ""


def _faults_of_at(timing: Timing) -> list[tuple[str, str]]:
    moment = _moment(timing.at)
    if moment is None:
        return [("/at", "This must be a time such as 2026-12-24T18:00, one with an offset, or now.")]
    if moment.tzinfo and (timing.local or timing.timezone):
        named = "local" if timing.local else "timezone"
        return [(f"/{named}", "A time with an offset is one moment everywhere; leave out the offset, or this.")]
    return []


def _wall(text: str, now: datetime, zone: str) -> datetime:
    """The time on the zone's clock (naive) that `at` says."""
    moment = now if text == NOW else _moment(text)
    assert moment is not None  # noqa: S101 (it was checked)
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0) if moment.tzinfo else moment


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    # Zones are up to 14 hours away, and a calendar has its ends.
    return moment.replace(microsecond=0) if 2000 <= in_utc.year <= 9000 and len(text) > len("2026-12-24") else None
