"""Who hears of an event, on what channel, when, and why not: pure functions, read from the top."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier.policy.calendar import next_digest_at
from notifier.policy.catalogue import Kind
from notifier.policy.events import Event, Thing
from notifier.policy.words import Cadence, Reason, State


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
class Recipient:
    """A person who may be told, with all that decides about it. `cadences` holds their own choices for this type."""

    id: str
    timezone: str = "UTC"
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    reach: Mapping[str, Reach] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision for one address on one channel, not yet stored. `due_at` is set where it waits."""

    channel: str
    state: State
    queue: str
    reason: Reason | None = None
    address: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Now, or until when to wait and why."""

    state: State
    queue: str
    reason: Reason | None = None
    due_at: datetime | None = None


def recipients_of(event: Event, kind: Kind) -> list[str]:
    """The ids of everyone to be told: each once, in the order of the catalogue, never the actor."""
    named = [person for path in kind.told for person in _named(event, path)]
    return [person for person in dict.fromkeys([*named, *event.to]) if person and person != event.actor.id]


def fold_key(event: Event, kind: Kind) -> str:
    """What this event folds with for one recipient, "like:post-7"; empty where it stands alone."""
    match kind.fold:
        case "target":
            return f"{kind.short}:{event.target.id}" if event.target else ""
        case "object":
            return f"{kind.short}:{event.object.id}"
        case "recipient":
            return kind.short
    return ""


def decide(kind: Kind, recipient: Recipient, now: datetime, gather_scale: float = 1) -> list[Plan]:
    """The plans for one recipient: at least one per channel, because a channel that is skipped needs its reason."""
    return [plan for channel in kind.cadences for plan in _channel_plans(kind, recipient, channel, now, gather_scale)]


def cadence_of(kind: Kind, recipient: Recipient, channel: str) -> Cadence:
    """The person's own choice, else the catalogue's."""
    return recipient.cadences.get(channel, kind.cadences[channel])


def _channel_plans(
    kind: Kind, recipient: Recipient, channel: str, now: datetime, gather_scale: float
) -> Iterator[Plan]:
    reach = recipient.reach.get(channel, Reach())
    cadence = cadence_of(kind, recipient, channel)
    if silence := silenced(cadence, reach):
        yield Plan(channel, State.SKIPPED, kind.queue, silence)
        return
    if reach.stands:
        yield Plan(channel, State.SENT, kind.queue)
        return
    when = _when(kind, recipient, cadence, now, kind.gather * gather_scale)
    for address in reach.addresses:
        yield Plan(channel, when.state, when.queue, when.reason, address, when.due_at)


def _when(kind: Kind, recipient: Recipient, cadence: Cadence, now: datetime, gather: timedelta) -> Timing:
    if cadence in (Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY):
        return Timing(State.WAITING, "digest", Reason.DIGEST, next_digest_at(now, cadence, recipient.timezone))
    if gather:
        return Timing(State.WAITING, kind.queue, Reason.GATHERING, now + gather)
    return Timing(State.QUEUED, kind.queue)


def silenced(cadence: Cadence, reach: Reach) -> Reason | None:
    """Why the person hears nothing on this channel, if so. Asked when planning and again when sending."""
    if cadence == Cadence.OFF:
        return Reason.PREFERENCE_OFF
    if reach.stands or reach.addresses:
        return None
    return Reason.SUPPRESSED if reach.suppressed else Reason.NO_ADDRESS


def _named(event: Event, path: str) -> tuple[str, ...]:
    things: dict[str, Thing | None] = {
        "target.owner": event.target,
        "in_reply_to.owner": event.in_reply_to,
        "object.owner": event.object,
    }
    if path == "mentions":
        return event.mentions
    if path == "object.id":
        return (event.object.id,)
    thing = things[path]
    return (thing.owner,) if thing else ()
