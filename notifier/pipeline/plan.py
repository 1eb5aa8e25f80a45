"""Planning: decide for every recipient of an event, and store each decision with its reason."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.policy.calendar import next_digest_at
from notifier.policy.catalogue import DELETED, Catalogue, Kind
from notifier.policy.decide import Case, Recipient, decide, fold_key, followed, recipients_of, silence_of
from notifier.policy.events import Event
from notifier.policy.queues import QUEUES
from notifier.policy.relations import Bond, bond_of
from notifier.policy.taking_back import concerns, is_later, may_be_overtaken
from notifier.policy.words import Cadence, Reason
from notifier.store.database import Database, DatabaseAway
from notifier.store.facts import Asked, Facts
from notifier.store.joining import Told
from notifier.store.planning import Planned, Planning, Progress, Unplanned
from notifier.store.undoing import Correction, Undoing

log = logging.getLogger(__name__)

CHUNK = 500  # recipients in one transaction: some 2,500 rows, so that others need not wait for long
DAMPED = timedelta(hours=24)  # for so long the same act, taken back and done again, is told once


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What planning must know of the channels: which need no address, and which replace what they showed before."""

    standing: tuple[str, ...]
    replacing: tuple[str, ...]
    gather_scale: float


@dataclass(frozen=True, slots=True)
class Part:
    """The recipients of one event that this transaction plans, and how far the plan has come then."""

    event: Event
    kind: Kind
    known: bool
    undone: bool
    users: tuple[str, ...]
    progress: Progress


class Planner:
    """Plans events, many in one transaction."""

    def __init__(self, database: Database, catalogue: Catalogue, settings: PlanSettings, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        deletions = {kind.name: self._kind(kind.short + DELETED)[0] for kind in catalogue.kinds.values()}
        self._own = {kind.name for kind in deletions.values() if not kind.hangs}
        self._hanging = {kind.name for kind in deletions.values() if kind.hangs}

    def plan(self, event_ids: Sequence[str]) -> Iterator[list[Planned]]:
        """Plan what is unplanned of these events; gives the deliveries that can go out now, after each commit.

        An event that cannot be planned stays unplanned and is logged; it does not hold up the others.
        """
        try:
            yield from self._plan_all(event_ids)
        except DatabaseAway:
            raise
        except Exception:
            if len(event_ids) == 1:
                log.exception("event %s cannot be planned; it is kept and tried again", event_ids[0])
                return
            for event_id in event_ids:
                yield from self.plan([event_id])

    def _plan_all(self, event_ids: Sequence[str]) -> Iterator[list[Planned]]:
        more = True
        while more:
            now = self._clock()
            ready, more = self._database.transact(lambda tx, now=now: self._plan_chunk(tx, event_ids, now))  # type: ignore[misc]
            yield ready

    def _plan_chunk(
        self, connection: Connection, event_ids: Sequence[str], now: datetime
    ) -> tuple[list[Planned], bool]:
        again = {queue.name: now + queue.again for queue in QUEUES.values()}
        planning, undoing = Planning(connection, now, again), Undoing(connection, now)
        events = planning.unplanned(event_ids, most=CHUNK)
        parts = self._parts(planning, _together(events), now)
        cases = self._cases(undoing, parts, now)
        told = self._decide(Facts(connection), parts, cases, now)
        planning.bind((bond, part.event.occurred_at) for part in parts if (bond := self._bond(part, cases)))
        progress = [self._taken_back(undoing, part) for part in parts]
        ready = planning.store(told, progress)
        all_seen = len(parts) == len(events) < CHUNK
        return ready, not all_seen or not all(each.planned_at for each in progress)

    def _parts(self, planning: Planning, events: Sequence[Unplanned], now: datetime) -> list[Part]:
        """As many recipients as fit into one transaction, event after event."""
        parts: list[Part] = []
        room = CHUNK
        for unplanned in events:
            part = self._part(planning, unplanned, room, now)
            parts.append(part)
            room -= len(part.users)
            if room <= 0:
                break
        return parts

    def _part(self, planning: Planning, unplanned: Unplanned, room: int, now: datetime) -> Part:
        """The next recipients of an event: first those who are named, then followers, in the order of their ids."""
        event = unplanned.event
        kind, known = self._kind(event.type)
        named = recipients_of(event, kind) if known else [user for user in event.to if user != event.actor.id]
        users = [] if unplanned.after else named[unplanned.cursor : unplanned.cursor + room]
        after, done = unplanned.after, unplanned.cursor + len(users) >= len(named)
        whom = followed(event, kind)
        if whom and done and len(users) < room:
            asked = room - len(users)
            found = planning.followers(whom, after, asked)
            done = len(found) < asked
            after = found[-1] if found else after
            users += [user for user in found if user != event.actor.id and user not in set(named)]
        elif whom:
            done = False
        progress = Progress(event.id, unplanned.cursor + len(users), after, now if done else None)
        return Part(event, kind, known, unplanned.undone, tuple(users), progress)

    def _cases(self, undoing: Undoing, parts: Sequence[Part], now: datetime) -> dict[str, Case]:
        """Each event as it is decided about: whether it was taken back, and who was told of the same act already."""
        created = [part for part in parts if not part.kind.takes_back and part.known]
        undone = {part.event.id for part in parts if part.undone} | self._undone(undoing, created)
        told = undoing.told_before([part.event for part in created], now - DAMPED) if created else {}
        return {
            part.event.id: Case(
                part.event,
                part.kind,
                gather=part.kind.gather * self._settings.gather_scale
                if fold_key(part.event, part.kind)
                else timedelta(),
                taken_back=part.event.id in undone,
                known=part.known,
                told=told.get(part.event.id, {}),
            )
            for part in parts
        }

    def _undone(self, undoing: Undoing, parts: Sequence[Part]) -> set[str]:
        """Those of these events whose deletion is here already: it may have overtaken them."""
        if not parts:
            return set()
        deletions = undoing.deletions([part.event for part in parts], self._hanging, self._own)
        undone: set[str] = set()
        for deletion in deletions:
            kind, _ = self._kind(deletion.type)
            hit = [
                part.event.id
                for part in parts
                if part.event.id not in undone
                and concerns(deletion, kind, part.event, part.kind)
                and self._applies(undoing, deletion, kind, part)
            ]
            if hit:
                undoing.mark(hit, deletion.id)
                undone.update(hit)
        return undone

    def _applies(self, undoing: Undoing, deletion: Event, kind: Kind, part: Part) -> bool:
        if is_later(deletion, part.event):
            return True
        if not may_be_overtaken(deletion, part.event):
            return False
        return part.kind.name != kind.takes_back or not undoing.is_spent(deletion, part.event)

    def _taken_back(self, undoing: Undoing, part: Part) -> Progress:
        """How far the part's event is now; where it is a deletion, some more of its work is done."""
        if not part.kind.takes_back:
            return part.progress
        of = self._catalogue.find(part.kind.takes_back) or part.kind
        after = undoing.take_back(
            part.event,
            part.kind,
            part.progress.after,
            CHUNK,
            wanted=lambda event: concerns(part.event, part.kind, event, self._kind(event.type)[0]),
            correction=Correction(self._settings.replacing, of.gather * self._settings.gather_scale),
        )
        return replace(part.progress, after=after, planned_at=None if after else part.progress.planned_at)

    def _bond(self, part: Part, cases: Mapping[str, Case]) -> Bond | None:
        return None if cases[part.event.id].taken_back else bond_of(part.event, part.kind)

    def _decide(self, facts: Facts, parts: Sequence[Part], cases: Mapping[str, Case], now: datetime) -> list[Told]:
        users = {user for part in parts for user in part.users}
        if not users:
            return []
        facts.lock(users)
        asked = Asked(
            [(part.event, part.kind) for part in parts if part.users],
            users,
            self._settings.standing,
            self._catalogue.caps,
        )
        recipients = dict(facts.recipients(asked, now))
        names = {part.kind.name for part in parts}
        told = []
        for part in parts:
            for user in part.users:
                recipient = recipients[user, part.kind.name]
                one = _told(cases[part.event.id], recipient, now)
                told.append(one)
                _count(recipients, names, one, now)
        return told

    def _kind(self, type_: str) -> tuple[Kind, bool]:
        """The type's entry, and whether there is one: it may have been taken out since the event was accepted."""
        kind = self._catalogue.find(type_)
        return (kind, True) if kind else (Kind(type_, told=(), queue="default", cadences={}), False)


def _together(events: Sequence[Unplanned]) -> Sequence[Unplanned]:
    """Those that go into one transaction: first all that happened, then each deletion by itself.

    A deletion waits for the planners of what it takes back, so that it must hold nothing for which they could wait.
    """
    happened = [one for one in events if not one.event.type.endswith(DELETED)]
    return happened or events[:1]


def _told(case: Case, recipient: Recipient, now: datetime) -> Told:
    event, kind = case.event, case.kind
    joins = bool(case.gather) and silence_of(case, recipient) is None
    late_at = None
    if joins and kind.milestones:
        late_at = next_digest_at(now, Cadence.DAILY, recipient.timezone, recipient.rhythm.digest_time)
    plans = tuple(decide(case, recipient, now))
    return Told(event, recipient.id, fold_key(event, kind), plans, joins=joins, late_at=late_at, undone=case.taken_back)


def _count(recipients: dict[tuple[str, str], Recipient], types: Collection[str], told: Told, now: datetime) -> None:
    """Let what was just planned for a person count against their cap for what this transaction plans next."""
    soon = {plan.channel for plan in told.plans if plan.address and plan.reason in (None, Reason.GATHERING)}
    if not soon:
        return
    for type_ in types:
        recipient = recipients[told.user, type_]
        messages = {channel: [*recipient.messages.get(channel, ()), now] for channel in soon}
        recipients[told.user, type_] = replace(recipient, messages={**recipient.messages, **messages})
