"""What a person may choose, each choice under a name of its own, and who made it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias

from notifier.policy.calendar import rfc3339
from notifier.policy.catalogue import CADENCES, CHANNELS, CREATED
from notifier.policy.words import Cadence

# (a type's long name, channel), or one of those below. A type's long name has a dot, so that none is taken for another.
What: TypeAlias = tuple[str, str]
# Each choice as text; None returns to the default.
Wishes: TypeAlias = Mapping[What, str | None]

DIGEST, QUIET, CAP = "digest", "quiet_hours", "cap_per_hour"
TIME: What = (DIGEST, "time")
WEEKDAY: What = (DIGEST, "weekday")
QUIET_HOURS: What = (QUIET, "")
PAUSE = "paused_until"
PAUSED_UNTIL: What = (PAUSE, "")
LONGEST_PAUSE = timedelta(days=92)  # what people said must not be kept for much longer than others may expect
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Only what can come at any moment can come too often.
CAPPED = tuple(channel for channel in CHANNELS if Cadence.INSTANT in CADENCES[channel])
MOST_PER_HOUR = 10_000
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DASH = "–"


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes a choice: an app's id or "person"; through api, token, link, one_click, page or event."""

    by: str
    through: str


def is_about_a_type(what: What) -> bool:
    """Whether it is a choice for a type on a channel."""
    return "." in what[0]


def name_of(what: What) -> str:
    """How a history names it: "like/email", "digest/time", "quiet_hours"."""
    return "/".join(filter(None, (what[0].removesuffix(CREATED), what[1])))


def is_time(text: str) -> bool:
    """Whether it is a time of day such as 08:00."""
    return _TIME.fullmatch(text) is not None


def quiet_text(start: str, end: str) -> str:
    """Quiet hours as one text, "22:00–07:00"."""
    return f"{start}{_DASH}{end}"


def quiet_times(text: str) -> tuple[str, str]:
    """Start and end of `quiet_text`."""
    start, _, end = text.partition(_DASH)
    return start, end


def pause_text(until: datetime) -> str:
    """The end of a pause (aware) as one text, RFC 3339 in UTC."""
    return rfc3339(until)


def pause_end(text: str) -> datetime | None:
    """The moment of `pause_text` (aware UTC); None where there is none."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def wrong_pause(until: datetime, now: datetime) -> str:
    """Why nobody can pause until then, and what would be right; empty where they can (aware times)."""
    if now < until <= now + LONGEST_PAUSE:
        return ""
    return f"must lie ahead, within {LONGEST_PAUSE.days} days; give null for no pause"


def clock_text(at: time) -> str:
    """The time of day as "HH:MM"."""
    return f"{at:%H:%M}"
