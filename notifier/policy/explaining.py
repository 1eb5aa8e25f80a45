"""Why somebody is told or not, as lines that a person can read: what decided, with its value, in one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notifier.policy.catalogue import FOLLOWERS, Kind
from notifier.policy.decide import Plan
from notifier.policy.events import Event
from notifier.policy.gathering import Joined
from notifier.policy.naming import followed, names_at
from notifier.policy.retention import Retention
from notifier.policy.retry import policy_for
from notifier.policy.waves import wall_in
from notifier.policy.words import SENTENCES, Cadence, Reason, State

MANY = 100  # others in one message are counted no further
# What lets a message out, now or later: a skip has none of these for a cause.
_LETTING = ("gather", "milestones", "digest", "cap", "quiet_hours", "paused_until", "rendition")

STATES: dict[State, str] = {
    State.WAITING: "It waits.",
    State.QUEUED: "It goes out now.",
    State.SENDING: "It is on its way to the provider.",
    State.SENT: "It was sent.",
    State.BOUNCED: "It was sent, and came back later.",
    State.FAILED: "It could not be sent.",
    State.SKIPPED: "It is not sent.",
    State.CANCELLED: "It was cancelled.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of an event for one person on one channel, and what decided it.

    `address` is the id of one, `delivery` what stands in the log. A line without a channel says in `says` why the
    person hears nothing at all.
    """

    user: str | None
    channel: str | None
    state: State | None
    reason: Reason | None
    rule: str
    value: str
    due_at: datetime | None = None
    delivery: str | None = None
    address: str | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """How a stored delivery fared, beside what its plan decided."""

    type: str
    channel: str
    state: State
    reason: Reason | None
    tries: int
    code: str


def sentence(line: Line) -> str:
    """The line's sentence, in English."""
    if line.says:
        return line.says
    if line.reason:
        return SENTENCES[line.reason]
    return STATES[line.state] if line.state else ""


def decided(course: Course, rule: str, value: str) -> tuple[str, str]:
    """The rule and the value that decided where the delivery stands now; at first those of its plan."""
    most = policy_for(course.type, course.channel).tries
    match course.reason:
        case Reason.RETRY:
            return "retry_policy", f"try {course.tries + 1} of {most}"
        case Reason.GAVE_UP:
            return "retry_policy", f"{course.tries} of {most} tries, the last answer was {course.code or 'none'}"
        case Reason.PAUSED:
            return "pause", course.code
        case Reason.EXPIRED:
            return "ttl", course.code
        case Reason.REFUSED | Reason.ADDRESS_GONE | Reason.TEMPLATE_ERROR | Reason.UNCONFIRMED:
            return "answer", course.code
    if course.state in (State.SKIPPED, State.CANCELLED) and course.reason and _let_out(rule, value):
        return str(course.reason), "when it was to be sent"
    return rule, value


def own_acts(event: Event, kind: Kind) -> list[Line]:
    """One line per channel where the one who acted is among those named: they are not told, and that is no delivery."""
    actor = event.actor.id
    if actor not in [name for _, names in _named(event, kind) for name in names]:
        return []
    return [Line(actor, channel, State.SKIPPED, Reason.OWN_ACTION, "actor", actor) for channel in kind.cadences]


def of_unknown_type(event: Event) -> Line:
    """Nobody is told of a type that is in no catalogue."""
    return Line(None, None, State.SKIPPED, Reason.UNKNOWN_TYPE, "catalogue", event.type)


def would_be(user: str, plans: Sequence[Plan], joined: Joined | None, others: int) -> Iterator[Line]:
    """What planning would store for these plans; with `joined`, where they join a notification of `others`."""
    for plan in plans if joined is None else joined.new:
        yield _planned(user, plan)
    hastened = dict(joined.hastened) if joined else {}
    for plan, met in joined.met if joined else ():
        line = Line(user, plan.channel, met.state, met.reason, plan.rule, plan.value, None, met.id, plan.address)
        yield _joining(line, hastened.get(met.id, met.due_at), others) if met.open else line


def _planned(user: str, plan: Plan) -> Line:
    says = "" if plan.reason else "It would go out at once."
    return Line(
        user, plan.channel, plan.state, plan.reason, plan.rule, plan.value, plan.due_at, None, plan.address, says
    )


def _joining(line: Line, due_at: datetime | None, others: int) -> Line:
    count = f"{MANY}+" if others > MANY else str(others)
    value = f"joins {count} {'other' if others == 1 else 'others'}"
    due_at = due_at if line.state == State.WAITING else None
    return Line(line.user, line.channel, line.state, line.reason, "gather", value, due_at, line.delivery, line.address)


def unplanned(line: Line) -> Line:
    """The line of an event that is not planned yet: its value says what the plan will find."""
    then = f"then {line.state} {line.reason or ''}".strip()
    return Line(line.user, line.channel, State.WAITING, Reason.UNPLANNED, "unplanned", then, None, None, line.address)


def unplanned_until(line: Line, at: datetime, wall: datetime, zone: str) -> Line:
    """The same, of an event that comes to the person at that moment (aware UTC), by `wall` on their zone's clock."""
    late = at > wall_in(zone, wall)
    says = (
        f"The clock in {zone} showed {wall:%F %H:%M} before; it comes with those whose clock shows it next."
        if late
        else f"It comes when the clock in {zone} shows {wall:%F %H:%M}."
    )
    return replace(unplanned(line), due_at=at, says=says)


def taken_back(line: Line, type_: str) -> Line:
    """The line of an event that was taken back before this delivery told of it; the delivery may tell of others."""
    return Line(
        line.user, line.channel, State.CANCELLED, Reason.TAKEN_BACK, "taken_back", type_, None, line.delivery,
        line.address,
    )  # fmt: skip


def unknown_to_all(user: str) -> Line:
    """Why this person hears nothing of what everyone is told."""
    says = f"It is told to everyone, and {user} was not known here by then."
    return Line(user, None, None, None, "recipients", "everyone", says=says)


def no_record(count: int, kept: Retention, user: str = "") -> Line:
    """There is no record any more of what became of it for so many people; the `user` may be one of them."""
    whose = f"Whether {user} was told is not known any more: of" if user else "Of"
    people = "1 person" if count == 1 else f"{count:,} people"
    says = f"{whose} {people} the records were purged. {kept.sentence}"
    return Line(user or None, None, None, None, "retention", f"{count} purged", says=says)


def no_recipient(user: str, event: Event, kind: Kind, known: bool, since: datetime | None) -> Line:
    """Why this person hears nothing of the event at all. They follow whom it concerns `since` then, or not."""
    value, says = _why_not(user, event, kind, known, since)
    return Line(user, None, None, None, "recipients", value, says=says)


def _why_not(user: str, event: Event, kind: Kind, known: bool, since: datetime | None) -> tuple[str, str]:
    if not known:
        return "catalogue", f"{event.type} is not in the catalogue, so nobody is told."
    if not kind.cadences:
        return "nobody", f"{_a(kind.short)} is told to nobody; it changes what others cause."
    if event.actor.id == user:
        return "actor", f"{user} is the one who acted, and is not told."
    whom = followed(event, kind)
    if whom and since is None:
        return f"followers of {whom}", f"{user} does not follow {whom}."
    if whom and since:
        late = "after it happened" if since > event.occurred_at else "and that was not known when it was planned"
        return f"follower since {since:%FT%TZ}", f"{user} follows {whom} since {since:%F %T} UTC, {late}."
    named = [f"{path}, who is {' and '.join(names)}" for path, names in _named(event, kind)]
    value = "; ".join(f"{path}: {', '.join(names)}" for path, names in _named(event, kind))
    return (
        value,
        f"{_a(kind.short)} is told to {'; to '.join(named) or 'those whom it names, and this one names nobody'}.",
    )


def _named(event: Event, kind: Kind) -> list[tuple[str, list[str]]]:
    paths = [path for path in kind.told if path != FOLLOWERS]
    found = [(path, [name for name in names_at(event, path) if name]) for path in paths]
    return [(path, names) for path, names in [*found, ("to", list(event.to))] if names]


def _let_out(rule: str, value: str) -> bool:
    return rule in _LETTING or (rule in ("preference", "default") and value != Cadence.OFF)


def _a(noun: str) -> str:
    return f"An {noun}" if noun[0] in "aeiou" else f"A {noun}"
