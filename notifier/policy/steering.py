"""Which of a person's digests somebody means, and how far one can be moved."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifier.policy.calendar import zone_of
from notifier.policy.words import Cadence

LONGEST = timedelta(days=31)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Which:
    """Digests on a channel and of a cadence, or the one of an id; what is empty or None means every one.

    Whoever looks at a page means the digest that stands on it, and not the next one that has opened since.
    """

    channel: str = ""
    cadence: Cadence | None = None
    id: str = ""

    def means(self, channel: str, cadence: Cadence, *, id: str) -> bool:
        """Whether the digest on that channel, of that cadence and that id is meant."""
        named = (not self.channel or self.channel == channel) and self.id in ("", id)
        return named and self.cadence in (None, cadence)


def wrong_moment(at: datetime, now: datetime) -> str:
    """Why no digest can be moved there, and what would be right; empty where it can (aware times)."""
    if now < at <= now + LONGEST:
        return ""
    return f"must lie ahead, within {LONGEST.days} days"


def moment_on_clock(text: str, zone: str) -> datetime | None:
    """When a clock in that zone shows what a form's field says, `2026-11-21T18:00` (aware UTC); None where it is none.

    What the clock shows twice is the first of them; what it never shows moves forward by what the clocks leave out.
    """
    if not _LOCAL.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone_of(zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of June, or before there were years
        return None
