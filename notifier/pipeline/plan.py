"""Planning: decide for every recipient of an event, and store each decision with its reason."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.decide import Recipient, decide, fold_key, recipients_of
from notifier.policy.queues import QUEUES
from notifier.store.database import Database, DatabaseAway
from notifier.store.planning import Planned, Planning, Told, Unplanned

log = logging.getLogger(__name__)

CHUNK = 1_000  # recipients in one transaction: some 5,000 rows


@dataclass(frozen=True, slots=True)
class Part:
    """The recipients of one event that this transaction plans; `end` is the cursor after them."""

    event: Unplanned
    kind: Kind
    users: tuple[str, ...]
    end: int
    last: bool


class Planner:
    """Plans events, many in one transaction. `standing` names the channels that need no address."""

    def __init__(
        self, database: Database, catalogue: Catalogue, *, standing: tuple[str, ...], gather_scale: float, clock: Clock
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._standing = standing
        self._gather_scale = gather_scale
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
        planning = Planning(connection)
        events = planning.unplanned(event_ids, most=CHUNK)
        parts = self._parts(events)
        told = self._decide(planning, parts, now)
        planning.relate((relation for part in parts for relation in _relations(part)), now)
        again = {queue.name: now + queue.again for queue in QUEUES.values()}
        ready = planning.store(told, now, again)
        for part in parts:
            planning.advance(part.event.event.id, part.end, planned_at=now if part.last else None)
        return ready, len(parts) < len(events) or not all(part.last for part in parts)

    def _parts(self, events: Sequence[Unplanned]) -> list[Part]:
        """As many recipients as fit into one transaction, event after event."""
        parts: list[Part] = []
        room = CHUNK
        for unplanned in events:
            kind = self._kind(unplanned.event.type)
            users = recipients_of(unplanned.event, kind)
            chosen = users[unplanned.cursor : unplanned.cursor + room]
            end = unplanned.cursor + len(chosen)
            parts.append(Part(unplanned, kind, tuple(chosen), end, last=end == len(users)))
            room -= len(chosen)
            if room <= 0:
                break
        return parts

    def _decide(self, planning: Planning, parts: Sequence[Part], now: datetime) -> list[Told]:
        users = {user for part in parts for user in part.users}
        if not users:
            return []
        recipients = planning.recipients(users, {part.kind.name for part in parts}, self._standing)
        return [self._told(part, recipients[user, part.kind.name], now) for part in parts for user in part.users]

    def _told(self, part: Part, recipient: Recipient, now: datetime) -> Told:
        event, fold = part.event.event, fold_key(part.event.event, part.kind)
        # What folds with nothing has nothing to wait for, and must not join others of no fold.
        scale = self._gather_scale if fold else 0
        gather = part.kind.gather * scale
        return Told(
            event,
            recipient.id,
            fold=fold,
            closes_at=now + gather if gather else None,
            plans=tuple(decide(part.kind, recipient, now, scale)),
        )

    def _kind(self, type_: str) -> Kind:
        # A type that was taken out of the catalogue after the event was accepted is told to nobody.
        return self._catalogue.find(type_) or Kind(type_, told=(), queue="default", cadences={})


def _relations(part: Part) -> list[tuple[str, str, str]]:
    if not part.kind.relation:
        return []
    event = part.event.event
    return [(event.actor.id, part.kind.relation, event.object.id)]
