"""When a schedule runs: a cron line, an interval or one moment, on a zone's clock, also when clocks change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from notifier.policy.cron import Cron, read_cron

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Where a day begins first on earth, and where last: no zone is further from UTC.
EARLIEST, LATEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
_SPANS = (HOUR, DAY, 32 * DAY, 366 * DAY)  # how far back is looked for the latest time of a cron line


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a schedule runs: exactly one of a cron line, an interval, or `at`, a time (naive) on the zone's clock.

    A `local` one is for each person's own clock: it runs when the first zone on earth comes to the time.
    """

    cron: str = ""
    interval: timedelta | None = None
    at: datetime | None = None
    zone: str = "UTC"
    local: bool = False

    @property
    def clock(self) -> tzinfo:
        """The clock that it goes by."""
        return EARLIEST if self.local else ZoneInfo(self.zone)


def first_run(timetable: Timetable, now: datetime) -> datetime | None:
    """When it first runs after `now` (aware UTC); None where its one moment has passed.

    A local moment that somewhere on earth is still to come runs now.
    """
    if timetable.interval:
        return now + timetable.interval
    if timetable.at is None:
        return cron_after(read_cron(timetable.cron), timetable.clock, now)
    moment = moment_of(timetable.at, timetable.clock)
    if timetable.local and moment <= now < moment_of(timetable.at, LATEST):
        return now
    return moment if moment > now else None


def following_run(timetable: Timetable, moment: datetime, now: datetime) -> datetime | None:
    """The run after the one of `moment`, and after `now`: what was missed is not made up for one by one."""
    if timetable.interval:
        return moment + (max(now - moment, timedelta(0)) // timetable.interval + 1) * timetable.interval
    if timetable.at is not None:
        return None
    return cron_after(read_cron(timetable.cron), timetable.clock, max(moment, now))


def latest_run(timetable: Timetable, moment: datetime, now: datetime) -> datetime:
    """The last of its moments that are not after `now`, from `moment` on, which is one of them."""
    if timetable.interval:
        return moment + max(now - moment, timedelta(0)) // timetable.interval * timetable.interval
    if timetable.at is not None:
        return moment
    cron, clock = read_cron(timetable.cron), timetable.clock
    for span in _SPANS:
        recent = list(_moments(cron, clock, max(moment, now - span), now))
        if recent or now - span <= moment:
            return max([moment, *recent])
    return moment


def wall_of(timetable: Timetable, moment: datetime) -> datetime | None:
    """What people's own clocks show when a local schedule's run of that moment comes to them (naive); else None."""
    if not timetable.local:
        return None
    return timetable.at or moment.astimezone(timetable.clock).replace(tzinfo=None)


def moment_of(wall: datetime, clock: tzinfo) -> datetime:
    """When the clock shows that time (aware UTC).

    Of two times it is the first; a time that is left out moves forward by as much as is left out.
    """
    return wall.replace(tzinfo=clock, fold=0).astimezone(UTC)


def cron_after(cron: Cron, clock: tzinfo, after: datetime) -> datetime | None:
    """The line's first moment after that one; None where it has none in the next years.

    A time that comes twice is used once, the first time, unless the line comes each hour: then no hour is left out.
    """
    begin = _shown(after, clock) - _left_out(after, clock)
    moments = ((wall, moment_of(wall, clock)) for wall in cron.walls(begin.replace(second=0, microsecond=0)))
    later = ((wall, moment) for wall, moment in moments if moment > after)
    _, soonest = next(later, (None, None))
    if soonest is None:
        return None
    # A time that is left out moves behind some of those that follow it: look as far as it moved.
    until = _shown(soonest, clock)
    for wall, moment in later:
        if wall >= until:
            break
        soonest = min(soonest, moment)
    return (cron.each_hour and _repeated(cron, clock, after, soonest)) or soonest


def _repeated(cron: Cron, clock: tzinfo, after: datetime, before: datetime) -> datetime | None:
    """Its first moment between both in an hour that comes for the second time."""
    back = max(_offset(after, clock), _offset(after - DAY, clock)) - _offset(before, clock)
    moment = after.replace(second=0, microsecond=0) + MINUTE
    while moment < before and moment <= after + back:
        if cron.at(_shown(moment, clock)):
            return moment
        moment += MINUTE
    return None


def _moments(cron: Cron, clock: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    moment = cron_after(cron, clock, after)
    while moment is not None and moment <= until:
        yield moment
        moment = cron_after(cron, clock, moment)


def _left_out(moment: datetime, clock: tzinfo) -> timedelta:
    """By how much the clock jumped forward in the day before: the times left out come after the jump."""
    return max(_offset(moment, clock) - _offset(moment - DAY, clock), timedelta(0))


def _shown(moment: datetime, clock: tzinfo) -> datetime:
    return moment.astimezone(clock).replace(tzinfo=None, fold=0)


def _offset(moment: datetime, clock: tzinfo) -> timedelta:
    return moment.astimezone(clock).utcoffset() or timedelta(0)
