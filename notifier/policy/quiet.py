"""A person's quiet hours, in their own time zone, also across midnight and on the nights when clocks change."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from notifier.policy.calendar import zone_of

DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


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
        quiet = end = moment
        # By wall-clock distance, and look again: on a night when the clocks change one step may land short.
        while self.cover(end, zone):
            quiet, end = end, end + self._distance(end, zone)
        return self._unless_sooner(quiet, end, zone)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}–{self.end:%H:%M}"

    def _distance(self, moment: datetime, zone: str) -> timedelta:
        wall = moment.astimezone(zone_of(zone)).replace(tzinfo=None)
        return (datetime.combine(wall.date(), self.end) - wall) % DAY

    def _unless_sooner(self, quiet: datetime, end: datetime, zone: str) -> datetime:
        """`end`, or the clock change between the two, where that already leaves the quiet hours behind."""
        if _offset(quiet, zone) == _offset(end, zone):
            return end
        before, after = quiet.replace(microsecond=0), end
        while after - before > _SECOND:
            middle = before + (after - before) // (2 * _SECOND) * _SECOND
            if _offset(middle, zone) == _offset(quiet, zone):
                before = middle
            else:
                after = middle
        return min(after, end) if not self.cover(after, zone) else end


def _offset(moment: datetime, zone: str) -> timedelta | None:
    return moment.astimezone(UTC).astimezone(zone_of(zone)).utcoffset()
