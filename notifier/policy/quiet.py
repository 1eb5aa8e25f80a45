"""A person's quiet hours, in their own time zone, also across midnight and on the nights when clocks change."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from notifier.policy.calendar import zone_of

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` until `end` by the clock on the person's wall; over midnight where start > end."""

    start: time
    end: time

    def cover(self, moment: datetime, zone: str) -> bool:
        """Whether the wall clock in that zone shows a quiet time at this moment (aware UTC)."""
        wall = moment.astimezone(zone_of(zone)).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def until(self, moment: datetime, zone: str) -> datetime | None:
        """The first moment from now on that is not quiet (aware UTC); None where this one is not."""
        if not self.cover(moment, zone):
            return None
        end = moment
        while self.cover(end, zone):
            end = self._onwards(end, zone)
        return end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}–{self.end:%H:%M}"

    def _onwards(self, moment: datetime, zone: str) -> datetime:
        """The end by the wall clock, or the clock change before it, after which the clock is to be read anew."""
        wall = moment.astimezone(zone_of(zone)).replace(tzinfo=None)
        end = moment + (datetime.combine(wall.date(), self.end) - wall) % DAY
        if _offset(end, zone) == _offset(moment, zone):
            return end
        return _clock_change(moment, end, zone)


def _clock_change(before: datetime, after: datetime, zone: str) -> datetime:
    """The first second at which that zone's clock shows another distance from UTC than at `before`."""
    start = before.replace(microsecond=0)
    low, high = 0, -((start - after) // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(start + middle * SECOND, zone) == _offset(before, zone):
            low = middle
        else:
            high = middle
    return start + high * SECOND


def _offset(moment: datetime, zone: str) -> timedelta | None:
    return moment.astimezone(zone_of(zone)).utcoffset()
