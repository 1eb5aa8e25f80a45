"""Whether a person hears of an event, on what channel, when, and why not: pure functions, read from the top."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from hashlib import sha256

from notifier.policy.calendar import DIGEST_TIME, DIGEST_WEEKDAY, Hour, Slot, next_slot, zone_of
from notifier.policy.catalogue import Kind
from notifier.policy.events import Event
from notifier.policy.pictures import Awaited
from notifier.policy.quiet import QuietHours
from notifier.policy.relations import BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.policy.words import DIGESTS, Cadence, Reason, State

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
APP = 12  # characters of an app's id, the random ones
LONGEST_KEY = 320  # characters of what folds
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Reach:
    """How a recipient can be reached on one channel.

    `addresses` are the ids of the live ones. A channel that `stands` (the feed) needs none: its deliveries
    are done as soon as they are stored. `suppressed` tells that there was an address and it is gone for good.
    """

    addresses: tuple[str, ...] = ()
    suppressed: bool = False
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a person wants to hear: their digest hour and weekday (0 is Monday), quiet hours, messages per hour.

    Until `paused_until` (aware UTC) they want to hear nothing at all.
    """

    digest_time: time = DIGEST_TIME
    digest_weekday: int = DIGEST_WEEKDAY
    quiet: QuietHours | None = None
    caps: Mapping[str, int] = field(default_factory=dict)  # channel → messages per sliding hour
    paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Digests:
    """A person's digests by (channel, cadence): those that are open, and the periods that are used up."""

    open: Mapping[tuple[str, Cadence], Slot] = field(default_factory=dict)
    used: Mapping[tuple[str, Cadence], frozenset[str]] = field(default_factory=dict)


NO_DIGESTS = Digests()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person who may be told, with all that decides about it.

    `cadences` holds their own choices for this type, `relations` those of theirs that may concern the event, as
    (kind, other), and `messages` when they got or will get messages on each channel since an hour ago, oldest first.
    """

    id: str
    timezone: str = "UTC"
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    reach: Mapping[str, Reach] = field(default_factory=dict)
    rhythm: Rhythm = Rhythm()
    relations: frozenset[tuple[str, str]] = frozenset()
    messages: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    digests: Digests = NO_DIGESTS

    @property
    def hour(self) -> Hour:
        """When their digests come."""
        return Hour(self.timezone, self.rhythm.digest_time, self.rhythm.digest_weekday)

    def paused_until(self, now: datetime) -> datetime | None:
        """Until when they have paused everything (aware UTC); None where they hear."""
        until = self.rhythm.paused_until
        return until if until and until > now else None


@dataclass(frozen=True, slots=True)
class Case:
    """One event that is decided about. `taken_back` is set where it was undone before anybody was told.

    `told` names, by person, the channels on which they heard of the very same act a short while ago: who likes,
    unlikes and likes again is told of once. `awaited` is its picture, where that is not there yet.
    """

    event: Event
    kind: Kind
    gather: timedelta = timedelta(0)
    taken_back: bool = False
    known: bool = True  # False: its type is in no catalogue
    told: Mapping[str, frozenset[str]] = field(default_factory=dict)
    awaited: Awaited | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision for one address on one channel, not yet stored. `due_at` is set where it waits.

    `rule` and `value` say what decided: ("quiet_hours", "22:00–07:00 Europe/Berlin"). What waits for a digest names it.
    """

    channel: str
    state: State
    queue: str
    reason: Reason | None = None
    address: str | None = None
    due_at: datetime | None = None
    rule: str = ""
    value: str = ""
    digest: Slot | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Now, or until when to wait, or never; and what decided it."""

    state: State
    reason: Reason | None = None
    due_at: datetime | None = None
    rule: str = ""
    value: str = ""
    queue: str = ""  # where it is another one than the kind's
    digest: Slot | None = None


def fold_key(event: Event, kind: Kind) -> str:
    """What this event folds with for one recipient, "like:post-7@…"; empty where it stands alone.

    It names the app: the ids of two apps may be the same.
    """
    match kind.fold:
        case "target" if event.target:
            thing = f":{event.target.id}"
        case "object":
            thing = f":{event.object.id}"
        case "recipient":
            thing = ""
        case _:
            return ""
    key = f"{kind.short}{thing}@{event.app[-APP:]}"
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()


def decide(case: Case, recipient: Recipient, now: datetime) -> list[Plan]:
    """The plans for one recipient: at least one per channel, because a channel that is skipped needs its reason."""
    silence = silence_of(case, recipient)
    channels = case.kind.cadences if case.known else recipient.reach
    return [plan for channel in channels for plan in _channel_plans(case, recipient, channel, silence, now)]


def silence_of(case: Case, recipient: Recipient) -> Verdict | None:
    """Why this person hears nothing of this event on any channel, if so."""
    event = case.event
    if event.actor.id == recipient.id:
        return _never(Reason.OWN_ACTION, "actor", event.actor.id)
    if case.taken_back:
        return Verdict(State.CANCELLED, Reason.TAKEN_BACK, rule="taken_back", value=event.type)
    if not case.known:
        return _never(Reason.UNKNOWN_TYPE, "catalogue", event.type)
    return unwanted(event, case.kind, recipient.relations)


def unwanted(event: Event, kind: Kind, relations: frozenset[tuple[str, str]]) -> Verdict | None:
    """What the person's blocks and mutes say against the event. Asked when planning and again when sending."""
    if not relations:
        return None
    actor = event.actor.id
    if (BLOCK, actor) in relations:
        return _never(Reason.BLOCKED, "block", actor)
    if (MUTE_ACTOR, actor) in relations:
        return _never(Reason.MUTED_ACTOR, "mute", f"actor:{actor}")
    for thing in event.things:
        if (MUTE_OBJECT, thing) in relations:
            return _never(Reason.MUTED_OBJECT, "mute", f"object:{thing}")
    if (MUTE_TYPE, kind.name) in relations and not kind.mandatory:
        return _never(Reason.MUTED_TYPE, "mute", f"type:{kind.short}")
    return None


def cadence_of(kind: Kind, recipient: Recipient, channel: str) -> Cadence:
    """The person's own choice, else the catalogue's. What is mandatory leaves no choice."""
    default = kind.cadences[channel]
    return default if kind.mandatory else recipient.cadences.get(channel, default)


def silenced(cadence: Cadence, reach: Reach, *, chosen: bool = True) -> Verdict | None:
    """Why the person hears nothing on this channel, if so. Asked when planning and again when sending."""
    if cadence == Cadence.OFF:
        return _never(Reason.PREFERENCE_OFF, "preference" if chosen else "default", "off")
    if reach.stands or reach.addresses:
        return None
    return _never(
        Reason.SUPPRESSED if reach.suppressed else Reason.NO_ADDRESS, "address", "gone" if reach.suppressed else "none"
    )


def held(kind: Kind, recipient: Recipient, now: datetime) -> Verdict | None:
    """Until when a pause or quiet hours hold this person's messages, if so. Asked when planning and when sending."""
    return paused(kind, recipient, now) or quiet(kind, recipient, now)


def paused(kind: Kind, recipient: Recipient, now: datetime) -> Verdict | None:
    """Until when the person's own pause holds their messages, if so. What nobody can turn off comes all the same."""
    until = recipient.paused_until(now)
    if until is None or kind.mandatory:
        return None
    wall = until.astimezone(zone_of(recipient.timezone))
    return Verdict(State.WAITING, Reason.SNOOZED, until, "paused_until", f"{wall:%F %H:%M} {recipient.timezone}")


def quiet(kind: Kind, recipient: Recipient, now: datetime) -> Verdict | None:
    """Until when quiet hours hold this person's messages, if so."""
    hours = recipient.rhythm.quiet
    if hours is None or "quiet_hours" in kind.passes:
        return None
    until = hours.until(now, recipient.timezone)
    if until is None:
        return None
    return Verdict(State.WAITING, Reason.QUIET_HOURS, until, "quiet_hours", f"{hours} {recipient.timezone}")


def capped(kind: Kind, recipient: Recipient, channel: str, now: datetime) -> Verdict | None:
    """Until when the person's cap holds their messages on this channel, if so."""
    cap = recipient.rhythm.caps.get(channel)
    if cap is None or "caps" in kind.passes:
        return None
    if cap == 0:
        return digested(recipient, channel, Cadence.DAILY, now, rule="cap", value="0 an hour")
    recent = [moment for moment in recipient.messages.get(channel, ()) if moment > now - HOUR]
    if len(recent) < cap:
        return None
    return Verdict(State.WAITING, Reason.CAPPED, max(recent[-cap] + HOUR, now), "cap", f"{cap} an hour")


def unshown(awaited: Awaited | None, now: datetime) -> Verdict | None:
    """Until when messages wait for the picture, if so. Asked when planning and again when sending."""
    if awaited is None or awaited.until <= now:
        return None
    return Verdict(State.WAITING, Reason.RENDITION, awaited.until, "rendition", awaited.words)


def digested(
    recipient: Recipient, channel: str, cadence: Cadence, now: datetime, *, rule: str = "digest", value: str = ""
) -> Verdict:
    """Until the person's next digest of that cadence on the channel: the one that is open, or else the next."""
    digests, key = recipient.digests, (channel, cadence)
    slot = digests.open.get(key) or fresh_slot(recipient, cadence, now, digests.used.get(key, ()))
    value = value or digest_words(cadence, recipient.hour)
    return Verdict(State.WAITING, Reason.DIGEST, slot.at, rule, value, "digest", slot)


def fresh_slot(recipient: Recipient, cadence: Cadence, now: datetime, used: Collection[str]) -> Slot:
    """The person's next digest of that cadence that is not `used` up, and the first that is in no pause of theirs.

    An hourly one waits until no hour is quiet.
    """
    until, hours = recipient.paused_until(now), recipient.rhythm.quiet
    # The one that comes at the very end of the pause is not in it.
    slot = next_slot(until - INSTANT if until else now, cadence, recipient.hour, used)
    # Whoever chooses the time of day themselves gets the digest then, also at night.
    awake = hours.until(slot.at, recipient.timezone) if hours and cadence == Cadence.HOURLY else None
    return replace(slot, at=awake) if awake else slot


def digest_words(cadence: Cadence, hour: Hour) -> str:
    """What decides when a digest comes: "daily 08:00 Europe/Berlin"."""
    if cadence == Cadence.HOURLY:
        return "hourly"
    day = f" {WEEKDAYS[hour.weekday]}" if cadence == Cadence.WEEKLY else ""
    return f"{cadence}{day} {hour.at:%H:%M} {hour.zone}"


def _channel_plans(
    case: Case, recipient: Recipient, channel: str, silence: Verdict | None, now: datetime
) -> Iterator[Plan]:
    kind, reach = case.kind, recipient.reach.get(channel, _NOWHERE)
    if silence is None:
        cadence = cadence_of(kind, recipient, channel)
        chosen = channel in recipient.cadences
        silence = silenced(cadence, reach, chosen=chosen) or _heard(case, recipient, channel, reach)
    if silence is not None:
        yield Plan(channel, silence.state, kind.queue, silence.reason, None, None, silence.rule, silence.value)
        return
    rule = "preference" if chosen else "default"
    if reach.stands:
        yield Plan(channel, State.SENT, kind.queue, None, None, None, rule, cadence)
        return
    when = _when(case, recipient, channel, cadence, now) or Verdict(State.QUEUED, None, None, rule, cadence)
    for address in reach.addresses:
        queue = when.queue or kind.queue
        yield Plan(channel, when.state, queue, when.reason, address, when.due_at, when.rule, when.value, when.digest)


def _heard(case: Case, recipient: Recipient, channel: str, reach: Reach) -> Verdict | None:
    # What stands in the feed left it when it was taken back.
    if reach.stands or channel not in case.told.get(recipient.id, ()):
        return None
    return _never(Reason.ALREADY_TOLD, "already_told", "the same act within 24 hours")


def _when(case: Case, recipient: Recipient, channel: str, cadence: Cadence, now: datetime) -> Verdict | None:
    """What it waits for; None where it goes out now."""
    kind = case.kind
    if cadence in DIGESTS:
        return digested(recipient, channel, cadence, now)
    hold = held(kind, recipient, now) or capped(kind, recipient, channel, now)
    if hold:
        return hold
    if not case.gather:
        return unshown(case.awaited, now)
    # What else holds it holds it first: the second look finds whether the picture is still to be waited for.
    seconds = f"{case.gather.total_seconds():g} s"
    return Verdict(State.WAITING, Reason.GATHERING, now + case.gather, "gather", seconds)


def _never(reason: Reason, rule: str, value: str) -> Verdict:
    return Verdict(State.SKIPPED, reason, None, rule, value)


_NOWHERE = Reach()
