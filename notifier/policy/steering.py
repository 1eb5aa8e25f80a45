"""Which of a person's digests somebody means, and how far one can be moved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.policy.words import Cadence

LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Which:
    """Digests on a channel and of a cadence; what is empty or None means every one."""

    channel: str = ""
    cadence: Cadence | None = None

    def means(self, channel: str, cadence: Cadence) -> bool:
        """Whether a digest on that channel and of that cadence is meant."""
        return (not self.channel or self.channel == channel) and self.cadence in (None, cadence)


def wrong_moment(at: datetime, now: datetime) -> str:
    """Why no digest can be moved there, and what would be right; empty where it can (aware times)."""
    if now < at <= now + LONGEST:
        return ""
    return f"must lie ahead, within {LONGEST.days} days"
