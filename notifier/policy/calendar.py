"""When a person's digests come, in their own time zone, also on nights when clocks change."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.policy.words import Cadence

DIGEST_TIME = time(8)
DIGEST_WEEKDAY = 0  # Monday
DAY = timedelta(days=1)
NOON = time(12)
QUARTER = timedelta(minutes=15)  # zones differ from UTC by a multiple of it, since they are told by minutes


@dataclass(frozen=True, slots=True)
class Hour:
    """When a person wants their digests: the time and the weekday (0 is Monday) on the clock of their zone."""

    zone: str = "UTC"
    at: time = DIGEST_TIME
    weekday: int = DIGEST_WEEKDAY


@dataclass(frozen=True, slots=True)
class Slot:
    """One digest of a cadence: the period that it is for, which is used once, and when it comes (aware UTC).

    The period of a daily or weekly one is the local date that was wanted, whatever date the clocks made of it
    ("2026-10-25"); that of an hourly one is its hour in UTC ("2026-10-25T01:00"). `id` is that of an open digest.
    """

    cadence: Cadence
    period: str
    at: datetime
    id: str = ""


def next_slot(now: datetime, cadence: Cadence, hour: Hour, used: Collection[str] = ()) -> Slot:
    """The first digest after `now` (aware UTC) whose period is not `used` up.

    A local time that comes twice is taken the first time; one that does not exist moves forward by the gap.
    """
    first = _first_slot(now, cadence, hour)
    if first.period not in used:
        return first
    return next(slot for slot in _slots(now, cadence, hour) if slot.at > now and slot.period not in used)


def next_digest_at(now: datetime, cadence: Cadence, hour: Hour) -> datetime:
    """When the first digest after `now` comes (aware UTC in, aware UTC out)."""
    return next_slot(now, cadence, hour).at


def moved_slot(slot: Slot, now: datetime, hour: Hour) -> Slot:
    """The same digest where its person has moved to another zone: for each date one, at once where its hour has passed.

    An hourly one comes when it would have come.
    """
    if slot.cadence == Cadence.HOURLY:
        return slot
    at = _moment(date.fromisoformat(slot.period), hour.at, zone_of(hour.zone))
    return Slot(slot.cadence, slot.period, max(at, now), slot.id)


def rfc3339(moment: datetime) -> str:
    """The moment (aware) as it is told outside: RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; an unknown one counts as UTC rather than stopping a message."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


# The people of one plan share the moment, and most of them the hour.
@lru_cache(maxsize=1_024)
def _first_slot(now: datetime, cadence: Cadence, hour: Hour) -> Slot:
    return next(slot for slot in _slots(now, cadence, hour) if slot.at > now)


def _slots(now: datetime, cadence: Cadence, hour: Hour) -> Iterator[Slot]:
    if cadence == Cadence.HOURLY:
        return _hours(now, zone_of(hour.zone))
    # A daily one may be wanted on the day before, late in the evening, and come after midnight.
    first = now.astimezone(zone_of(hour.zone)).date() - DAY
    days = (first + ahead * DAY for ahead in count())
    return (
        Slot(cadence, day.isoformat(), _digest_moment(day, hour.at, hour.zone))
        for day in days
        if (cadence != Cadence.WEEKLY or day.weekday() == hour.weekday) and _exists(day, hour.zone)
    )


def _hours(now: datetime, tz: ZoneInfo) -> Iterator[Slot]:
    """The full hours of the clock on the wall."""
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    for ahead in count(1):
        at = quarter + ahead * QUARTER
        if at.astimezone(tz).minute == 0:
            yield Slot(Cadence.HOURLY, f"{at:%Y-%m-%dT%H:%M}", at)


# Most people of a large plan share these.
@lru_cache(maxsize=16_384)
def _digest_moment(day: date, at: time, zone: str) -> datetime:
    return _moment(day, at, zone_of(zone))


@lru_cache(maxsize=16_384)
def _exists(day: date, zone: str) -> bool:
    """Whether the zone's calendar has that day: Samoa had no 30th of December in 2011."""
    tz = zone_of(zone)
    return _moment(day, NOON, tz).astimezone(tz).date() == day


def _moment(day: date, at: time, tz: ZoneInfo) -> datetime:
    # fold is 0: of an hour that comes twice the first; what falls into a gap is told by the clock before it, so that it
    # moves forward by the gap's length.
    return datetime.combine(day, at, tzinfo=tz).astimezone(UTC)
