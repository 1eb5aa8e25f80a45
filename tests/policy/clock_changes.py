"""When the clocks of every zone change: found by halving, once for a test run, without asking the code under test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

SECOND = timedelta(seconds=1)
LOOK = timedelta(days=9)  # the shortest time between two changes, Ramadan's in Morocco, is more than thrice as long
# 2011 besides: that year Samoa left out a day.
YEARS = ((2011, 2012), (2023, 2029))
EVERY_ZONE = tuple(sorted(available_timezones()))


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A zone's clocks show another distance from UTC from the moment `at` (aware UTC) on."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def step(self) -> timedelta:
        """How far the hands jump: forward where it is above zero."""
        return self.after - self.before

    @property
    def shown_before(self) -> datetime:
        """What the clock on the wall would show at that moment, had it not been changed; naive."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def shown_after(self) -> datetime:
        """What it shows instead; naive."""
        return (self.at + self.after).replace(tzinfo=None)


@cache
def clock_changes(zone: str) -> tuple[ClockChange, ...]:
    """All changes of a zone's clocks in `YEARS`, oldest first."""
    found: list[ClockChange] = []
    for first, last in YEARS:
        moment, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC)
        while moment < end:
            if _offset(zone, moment) != _offset(zone, moment + LOOK):
                found.append(_between(zone, moment, moment + LOOK))
            moment += LOOK
    return tuple(found)


@cache
def every_change() -> tuple[ClockChange, ...]:
    """Those of every zone of the tz database."""
    return tuple(change for zone in EVERY_ZONE for change in clock_changes(zone))


@cache
def unlike_changes() -> tuple[ClockChange, ...]:
    """Each once where several zones change alike at the same moment, as those of a country do."""
    return tuple({(change.at, change.before, change.after): change for change in every_change()}.values())


@cache
def kinds_of_changes() -> tuple[ClockChange, ...]:
    """One of each kind: from where to where the hands jump, and how far the zone is from UTC."""
    kinds = {(change.before, change.after, change.shown_before.time()): change for change in every_change()}
    return tuple(kinds.values())


def _between(zone: str, before: datetime, after: datetime) -> ClockChange:
    old, new = _offset(zone, before), _offset(zone, after)
    low, high = 0, (after - before) // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + middle * SECOND) == old:
            low = middle
        else:
            high = middle
    return ClockChange(zone, before + high * SECOND, old, new)


def _offset(zone: str, moment: datetime) -> timedelta:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset
