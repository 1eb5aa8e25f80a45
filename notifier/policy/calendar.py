"""When a person's digest hour comes, in their own time zone, also on nights when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.policy.words import Cadence

DIGEST_TIME = time(8)
DIGEST_WEEKDAY = 0  # Monday


def next_digest_at(
    now: datetime, cadence: Cadence, zone: str, at: time = DIGEST_TIME, weekday: int = DIGEST_WEEKDAY
) -> datetime:
    """The first digest moment after `now` (aware UTC in, aware UTC out).

    A local time that comes twice is taken the first time; one that does not exist moves forward by the gap.
    """
    if cadence == Cadence.HOURLY:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    tz = zone_of(zone)
    today = now.astimezone(tz).date()
    days = (today + timedelta(days=ahead) for ahead in range(15))
    wanted = (day for day in days if cadence != Cadence.WEEKLY or day.weekday() == weekday)
    return next(moment for moment in (_moment(day, at, tz) for day in wanted) if moment > now)


def rfc3339(moment: datetime) -> str:
    """The moment (aware) as it is told outside: RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; an unknown one counts as UTC rather than stopping a message."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _moment(day: date, at: time, tz: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=tz).astimezone(UTC)
