"""The second look, just before sending: what may have changed since the plan, and what is told all the same."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.decide import Reach, Recipient, Verdict, held, quiet, silenced, unshown, unwanted
from notifier.policy.events import Event
from notifier.policy.pictures import PATIENCE, Awaited, Patience, awaited
from notifier.policy.retry import Next
from notifier.policy.words import Cadence, Reason, State
from notifier.store.claims import Claimed, Item
from notifier.store.freezing import Found
from notifier.store.told import Gathered

Relations = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the channels know, and the moment of the look.

    `perishable` are the channels whose messages expire; `paused_until` says how long an address's provider waits, and
    `patience` how long messages wait for pictures.
    """

    perishable: Mapping[str, bool]  # by the name of every channel there is
    paused_until: Callable[[Claimed], datetime | None]
    now: datetime
    patience: Patience = PATIENCE


@dataclass(frozen=True, slots=True)
class Looked:
    """What is left of a claimed delivery: to be sent where `next` is None. `leaving` are those it carries no more."""

    claimed: Claimed
    next: Next | None
    leaving: tuple[tuple[str, Next], ...] = ()


def events_of(told: Iterable[Gathered], catalogue: Catalogue) -> list[tuple[Event, Kind]]:
    """All that these tell of, whose types are known."""
    events = [event for each in told for event in each.events]
    return [(event, kind) for event in events if (kind := catalogue.find(event.type))]


def look(one: Claimed, relations: Relations, catalogue: Catalogue, seen: Seen) -> Looked:
    """Look again at a delivery and at all that it carries; each part is decided about by itself."""
    own, next_ = _part(one.own, one, relations, catalogue, seen)
    if not one.carried:
        left = one if own is one.own else replace(one, own=own)
        return Looked(left, next_ or _later(left, catalogue, seen))
    carried = [_part(item, one, relations, catalogue, seen) for item in one.carried]
    left = replace(one, own=own, carried=tuple(item for item, ended in carried if ended is None))
    leaving = tuple((item.id, ended) for item, ended in carried if ended is not None)
    return Looked(left, next_ or _later(left, catalogue, seen), leaving)


def told_no_more(one: Found, relations: Relations, catalogue: Catalogue, channels: Collection[str]) -> Next | None:
    """Why a part of a digest that is being built is not told, if so; it is looked at once more when it is sent."""
    if one.undone or not one.newest:
        return _ended(Reason.TAKEN_BACK, "taken_back")
    if one.read:
        return _ended(Reason.READ, "read")
    kind = catalogue.find(one.type)
    if kind is None or one.channel not in kind.cadences or one.channel not in channels:
        return _unknown(one.type)
    _, verdict = _told(one.told, one.first_round, kind, relations) if one.told else (None, None)
    verdict = verdict or _silenced(one.cadence, one.channel, one.reach, kind)
    return _said(verdict) if verdict else None


def _part(item: Item, one: Claimed, relations: Relations, catalogue: Catalogue, seen: Seen) -> tuple[Item, Next | None]:
    """The item with what it still tells; or why it is told no more."""
    if item.undone:
        return item, _ended(Reason.TAKEN_BACK, "taken_back")
    if item.read:
        return item, _ended(Reason.READ, "read")
    kind = catalogue.find(item.type)
    if kind is None or one.channel not in kind.cadences or one.channel not in seen.perishable:
        return item, _unknown(item.type)
    told, verdict = _told(item.told, item.first_round, kind, relations)
    verdict = verdict or _silenced(item.cadence, one.channel, one.reach, kind)
    if verdict:
        return item, _said(verdict)
    if seen.perishable[one.channel] and item.wanted_at + kind.ttl <= seen.now:
        return item, Next(State.FAILED, Reason.EXPIRED, charged=False)
    return (item if told is item.told else replace(item, told=told)), None


def _told(told: Gathered, first_round: int, kind: Kind, relations: Relations) -> tuple[Gathered, Verdict | None]:
    """What is left to tell; where none of it is news, why."""
    verdicts = [unwanted(event, kind, relations) for event in told.events] if relations else [None] * len(told.events)
    news = [verdict for verdict, round_ in zip(verdicts, told.rounds, strict=True) if round_ >= first_round]
    if not any(verdict is None for verdict in news):
        return told, news[-1] if news else Verdict(State.CANCELLED, Reason.TAKEN_BACK, None, "taken_back")
    if not any(verdicts):
        return told, None
    kept = [place for place, verdict in enumerate(verdicts) if verdict is None]
    events, rounds = tuple(told.events[place] for place in kept), tuple(told.rounds[place] for place in kept)
    return replace(told, events=events, rounds=rounds), None


def _silenced(choice: str, channel: str, reach: Reach, kind: Kind) -> Verdict | None:
    chosen = bool(choice) and not kind.mandatory
    return silenced(Cadence(choice) if chosen else kind.cadences[channel], reach, chosen=chosen)


def _later(one: Claimed, catalogue: Catalogue, seen: Seen) -> Next | None:
    """Until when the whole message waits, if so."""
    kind = catalogue.find(one.own.type)
    hold = _hold(kind, one, seen.now) if kind and (one.rhythm.quiet or one.rhythm.paused_until) else None
    hold = hold or unshown(_awaited(one, seen.patience), seen.now)
    if hold:
        return replace(_said(hold), wanted_at=hold.due_at)
    until = seen.paused_until(one)
    return Next(State.WAITING, Reason.PAUSED, until, charged=False) if until else None


def _hold(kind: Kind, one: Claimed, now: datetime) -> Verdict | None:
    recipient = Recipient(one.user, one.timezone, rhythm=one.rhythm)
    if one.digest is None:
        return held(kind, recipient, now)
    # Its hour was set to lie in no pause: what comes in one was asked for by hand. And whoever chooses the time of day
    # themselves gets the digest then, also at night.
    return quiet(kind, recipient, now) if one.digest.cadence == Cadence.HOURLY else None


def _awaited(one: Claimed, patience: Patience) -> Awaited | None:
    """Of the pictures of what happened that are not there yet, the one that is waited for longest."""
    # Only what happened brings its picture along: a like of an old post waits for nothing.
    shown = [(event, item.told.pictures) for item in one.items for event in item.told.events if event.media]
    found = (awaited(pictures.get(event.id), event.accepted_at, patience) for event, pictures in shown)
    return max(filter(None, found), key=attrgetter("until"), default=None)


def _said(verdict: Verdict) -> Next:
    return Next(verdict.state, verdict.reason, verdict.due_at, charged=False, rule=verdict.rule, value=verdict.value)


def _ended(reason: Reason, rule: str) -> Next:
    return Next(State.CANCELLED, reason, charged=False, rule=rule)


def _unknown(type_: str) -> Next:
    return Next(State.SKIPPED, Reason.UNKNOWN_TYPE, charged=False, rule="catalogue", value=type_)
