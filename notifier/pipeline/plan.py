"""Planning: decide for every recipient of an event, and store each decision with its reason."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.deciding import Deciding, PlanSettings, Question
from notifier.policy.catalogue import DELETED, Catalogue
from notifier.policy.decide import Case
from notifier.policy.naming import followed
from notifier.policy.queues import QUEUES
from notifier.policy.relations import Bond, bond_of
from notifier.policy.waves import tour_of
from notifier.store.assets import Assets
from notifier.store.binding import Binding
from notifier.store.database import Database, DatabaseAway
from notifier.store.facts import Facts
from notifier.store.pictures import Pictures
from notifier.store.planning import Planned, Planning, Progress, Unplanned
from notifier.store.undoing import Correction, Undoing

log = logging.getLogger(__name__)

CHUNK = 150  # recipients in one transaction: some 750 rows, so that others need not wait for long


@dataclass(frozen=True, slots=True)
class Part(Question):
    """The recipients of one event that this transaction plans, and how far the plan has come then."""

    progress: Progress


class Planner:
    """Plans events, many in one transaction."""

    def __init__(self, database: Database, catalogue: Catalogue, settings: PlanSettings, clock: Clock) -> None:
        self._database = database
        self._deciding = Deciding(catalogue, settings)
        self._clock = clock

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
        planning, undoing, facts = Planning(connection, now, again), Undoing(connection, now), Facts(connection)
        events = planning.unplanned(event_ids, most=CHUNK)
        parts = self._parts(facts, _together(events), now)
        cases = self._cases(undoing, parts, now)
        facts.lock(user for part in parts for user in part.users)
        cases = self._show_media(connection, parts, cases, now)
        told = self._deciding.told(facts, parts, cases, now)
        bonds = ((bond, part.event) for part in parts if (bond := self._bond(part, cases)))
        Binding(connection, now).bind(bonds)
        progress = [self._taken_back(undoing, part) for part in parts]
        ready = planning.store(told, progress)
        all_seen = len(parts) == len(events) < CHUNK
        return ready, not all_seen or not all(each.planned_at for each in progress)

    def _parts(self, facts: Facts, events: Sequence[Unplanned], now: datetime) -> list[Part]:
        """As many recipients as fit into one transaction, event after event."""
        parts: list[Part] = []
        room = CHUNK
        for unplanned in events:
            part = self._part(facts, unplanned, room, now)
            parts.append(part)
            room -= len(part.users)
            if room <= 0:
                break
        return parts

    def _part(self, facts: Facts, unplanned: Unplanned, room: int, now: datetime) -> Part:
        """The next recipients of an event: first those who are named, then followers, in the order of their ids."""
        if unplanned.audience.walks:
            return self._walked(facts, unplanned, room, now)
        event = unplanned.event
        kind, known = self._deciding.kind(event.type)
        named = self._deciding.named(event)
        users = [] if unplanned.after else named[unplanned.cursor : unplanned.cursor + room]
        after, done = unplanned.after, unplanned.cursor + len(users) >= len(named)
        whom = followed(event, kind)
        if whom and done and len(users) < room:
            asked = room - len(users)
            found = facts.followers(whom, after, asked)
            done = len(found) < asked
            after = found[-1] if found else after
            known_by_name = {event.actor.id, *named}
            users += [user for user in found if user not in known_by_name]
        elif whom:
            done = False
        progress = Progress(event.id, unplanned.cursor + len(users), after, now if done else None)
        return Part(event, kind, known, unplanned.undone, tuple(users), progress)

    def _walked(self, facts: Facts, unplanned: Unplanned, room: int, now: datetime) -> Part:
        """The next recipients of an event whose people are walked through: those whom its wave has come to."""
        event = unplanned.event
        kind, known = self._deciding.kind(event.type)
        tour = tour_of(unplanned.audience, unplanned.after, now, at_once=unplanned.undone)
        crowd = self._deciding.crowd(event, unplanned.audience)
        found = facts.walking(event, tour.zones).stretch(crowd, tour.after, room, lock=crowd.everyone)
        wave, after = (tour.following, "") if found.last else (tour.wave, found.after)
        done = found.last and wave is None
        progress = Progress(event.id, unplanned.cursor + len(found.users), after, now if done else None, wave)
        return Part(event, kind, known, unplanned.undone, found.users, progress)

    def _cases(self, undoing: Undoing, parts: Sequence[Part], now: datetime) -> dict[str, Case]:
        undone = self._deciding.undone(undoing, parts)
        for deletion in sorted(set(undone.values())):
            undoing.mark([event for event, by in undone.items() if by == deletion], deletion)
        return self._deciding.cases(undoing, parts, undone, now)

    def _show_media(
        self, connection: Connection, parts: Sequence[Part], cases: dict[str, Case], now: datetime
    ) -> dict[str, Case]:
        """Let the pictures and videos of what happened be made, and those of what was taken back be forgotten.

        Gives the cases with what their messages wait for.
        """
        shown = []
        for part in parts:
            event, assets = part.event, Assets(connection)
            if part.kind.takes_back and part.progress.planned_at:
                assets.drop(assets.taken_back(event, part.kind.takes_back), now)
            elif event.media and not part.kind.takes_back and not cases[event.id].taken_back:
                assets.show(event, now)
                shown.append(event.id)
        return self._deciding.awaiting(cases, Pictures(connection).first(shown, hold=True)) if shown else cases

    def _taken_back(self, undoing: Undoing, part: Part) -> Progress:
        """How far the part's event is now; where it is a deletion, some more of its work is done."""
        if not part.kind.takes_back:
            return part.progress
        settings = self._deciding.settings
        of = self._deciding.catalogue.find(part.kind.takes_back) or part.kind
        after = undoing.take_back(
            part.event,
            part.kind,
            part.progress.after,
            CHUNK,
            wanted=lambda event: self._deciding.takes_back(part.event, event),
            correction=Correction(settings.replacing, of.gather * settings.gather_scale),
        )
        return replace(part.progress, after=after, planned_at=None if after else part.progress.planned_at)

    def _bond(self, part: Part, cases: Mapping[str, Case]) -> Bond | None:
        return None if cases[part.event.id].taken_back else bond_of(part.event, part.kind)


def _together(events: Sequence[Unplanned]) -> Sequence[Unplanned]:
    """Those that go into one transaction: what happened until the next deletion, or a deletion by itself.

    A deletion waits for the planners of what it takes back, so that it must hold nothing for which they could wait.
    What comes behind it waits for it: who likes again must be known to have been told. An event whose people are walked
    through locks them as it meets them, in the order of their ids, and so it must have locked nobody before.
    """
    happened = list(takewhile(_goes_with_others, events))
    return happened or events[:1]


def _goes_with_others(one: Unplanned) -> bool:
    return not one.audience.walks and not one.event.type.endswith(DELETED)
