"""How long things are kept: which of them may go, and before which moment they must have come to their end."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from notifier.policy.words import UNFINISHED, State

# The period of a digest must not come again while its day lasts anywhere, and whoever moves may live it twice.
LEAST_DIGESTS = timedelta(days=3)
PAUSES = timedelta(days=1)  # after a provider's pause was over
FOR_EVER = "for ever"
# What a count of a purge is called, where that is not the table's own name.
NAMES = {
    "told": "records of who was told",
    "bodies": "contents of events",
    "runs": "runs of schedules",
    "jobs": "jobs on many deliveries",
    "audit": "records of what operators did",
    "links": "sign-in links",
    "pauses": "pauses of providers",
    "rejected": "rejected requests",
}
_THINGS = ("object", "target", "in_reply_to")
_IDS = ("id", "type", "owner")


@dataclass(frozen=True, slots=True)
class Rule:
    """Deliveries in one of these states go when all that happened to them lies before that moment.

    With `standing` it is about channels on which a delivery stands, and counts from the last news; without, about the
    others; None: about all.
    """

    states: tuple[State, ...]
    standing: bool | None
    before: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """The moments before which things go, aware UTC; None: never."""

    deliveries: datetime | None
    failed: datetime | None
    skipped: datetime | None
    attempts: datetime | None
    bodies: datetime | None
    feed: datetime | None
    events: datetime | None
    digests: datetime | None
    runs: datetime | None  # of schedules
    jobs: datetime | None
    audit: datetime | None
    rejected: datetime | None
    pauses: datetime
    links: datetime

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What goes of the deliveries. An unfinished one has no rule: it never does."""
        found = (
            ((State.SENT,), True, self.feed),
            ((State.SENT,), False, self.deliveries),
            ((State.CANCELLED,), None, self.deliveries),
            ((State.FAILED, State.BOUNCED), None, self.failed),
            ((State.SKIPPED,), None, self.skipped),
        )
        return tuple(Rule(states, standing, before) for states, standing, before in found if before)

    def sparing(self, since: datetime | None) -> "Limits":
        """The same, but no delivery goes that was made since then: who was told must be known until all were."""
        if since is None:
            return self
        told = {name: getattr(self, name) for name in ("deliveries", "failed", "skipped", "feed")}
        return replace(self, **{name: before and min(before, since) for name, before in told.items()})


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days each thing is kept; 0: for ever.

    Deliveries that failed or bounced, those that were skipped, and items of a feed have times of their own. A thing
    is never gone while another still tells of it, so `events` may be kept longer than is said here: see `kept_events`.
    """

    deliveries: int = 30
    failed: int = 90
    skipped: int = 14
    attempts: int = 30
    bodies: int = 30
    feed: int = 90
    events: int = 90
    audit: int = 365

    @property
    def kept_events(self) -> int:
        """Days for which events are kept: as long as all that tells of them."""
        return _longest(self.events, self.deliveries, self.failed, self.skipped, self.feed)

    @property
    def least_deliveries(self) -> int:
        """Days for which every delivery is kept, whatever became of it."""
        told = (self.deliveries, self.failed, self.skipped, self.feed)
        return min((days for days in told if days), default=0)

    def of(self, state: State, *, stands: bool = False) -> int | None:
        """Days for which a delivery in this state is kept; None while it is unfinished."""
        if stands and state == State.SENT:
            return self.feed
        days = {State.FAILED: self.failed, State.BOUNCED: self.failed, State.SKIPPED: self.skipped}
        return None if state in UNFINISHED else days.get(state, self.deliveries)

    def of_attempts(self, days: int) -> int:
        """Days for which the tries of a delivery are kept that is kept for so many."""
        return min((each for each in (days, self.attempts) if each), default=0)

    def limits(self, now: datetime) -> Limits:
        """What goes at this moment."""
        told = _before(now, _longest(self.deliveries, self.failed))
        return Limits(
            deliveries=_before(now, self.deliveries),
            failed=_before(now, self.failed),
            skipped=_before(now, self.skipped),
            attempts=_before(now, self.attempts),
            bodies=_before(now, self.bodies),
            feed=_before(now, self.feed),
            events=_before(now, self.kept_events),
            digests=told and min(told, now - LEAST_DIGESTS),
            runs=_before(now, self.deliveries),
            jobs=told,
            audit=_before(now, self.audit),
            rejected=_before(now, self.attempts),
            pauses=now - PAUSES,
            links=now,
        )

    def is_past(self, made_at: datetime, days: int, now: datetime) -> bool:
        """Whether what was made then, and is kept for so many days, may be gone now."""
        limit = _before(now, days)
        return limit is not None and made_at < limit

    def gone_event(self, made_at: datetime, now: datetime) -> str:
        """Why an event of that moment is not there any more, as a sentence; empty where it should be."""
        if not self.is_past(made_at, self.kept_events, now):
            return ""
        return f"Events are kept for {said(self.kept_events)}; one of {_day(made_at)} was purged since."

    def gone_delivery(self, made_at: datetime, now: datetime) -> str:
        """Why a delivery of that moment may not be there any more, as a sentence; empty where it should be."""
        if not self.is_past(made_at, self.least_deliveries, now):
            return ""
        return f"{self.sentence} One of {_day(made_at)} may have been purged since."

    @property
    def sentence(self) -> str:
        """How long deliveries are kept."""
        return (
            f"Deliveries are kept for {said(self.deliveries)}, failed and bounced ones for {said(self.failed)}, "
            f"skipped ones for {said(self.skipped)}, items of the feed for {said(self.feed)}."
        )


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows went, by table; of `bodies` only the content."""

    deliveries: int = 0
    attempts: int = 0
    notifications: int = 0
    told: int = 0  # records that a person was told of an event
    events: int = 0
    bodies: int = 0
    digests: int = 0
    runs: int = 0
    jobs: int = 0
    audit: int = 0
    links: int = 0
    pauses: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        """All of them together."""
        return sum(getattr(self, field.name) for field in fields(self))

    @property
    def named(self) -> tuple[tuple[str, int], ...]:
        """Each with what it is called."""
        return tuple((NAMES.get(field.name, field.name), getattr(self, field.name)) for field in fields(self))

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def said(days: int) -> str:
    """So many days, in words."""
    if not days:
        return FOR_EVER
    return "1 day" if days == 1 else f"{days:,} days"


def blanked(data: Mapping[str, Any]) -> dict[str, Any]:
    """An event's data without its content: who did what to what, and to whom it was told, by ids and types alone."""
    found: dict[str, Any] = {"actor": {"id": data["actor"]["id"]}}
    for name in _THINGS:
        if data.get(name):
            found[name] = {key: data[name][key] for key in _IDS if data[name].get(key)}
    for name in ("to", "mentions", "followers_of"):
        if data.get(name):
            found[name] = data[name]
    return found


def _longest(*days: int) -> int:
    return 0 if 0 in days else max(days)


def _before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%F}"
