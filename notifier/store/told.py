"""The events that a notification tells of: the newest one by one, the rest by number, since there may be many."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, bindparam, func, or_, select

from notifier.policy.events import Event as Happening
from notifier.policy.pictures import Picture
from notifier.policy.relations import BLOCK, MUTE_ACTOR
from notifier.store.models import Delivery, Event, NotificationEvent, Relation
from notifier.store.rows import HAPPENING, happening
from notifier.store.sql import AnyRow, chunked


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a delivery tells of: its newest events, oldest first, and how many came before them.

    `rounds` says of each event in which round it joined. `earlier_actors` acted in the earlier events alone.
    `pictures` are those of what the events are about, by event.
    """

    events: tuple[Happening, ...] = ()
    rounds: tuple[int, ...] = ()
    earlier_events: int = 0
    earlier_actors: int = 0
    pictures: Mapping[str, Picture] = field(default_factory=dict)


class Telling:
    """What deliveries tell of, read in the transaction of the given connection.

    The rounds of a delivery must be closed, or else `open_too`. One on a channel that is `replacing` what it showed
    before tells of the rounds before its own as well. At most `most` events of each are read whole.
    """

    def __init__(
        self, connection: Connection, replacing: Collection[str], most: int, *, open_too: bool = False
    ) -> None:
        self._connection = connection
        self._open_too = open_too
        self._replacing = tuple(sorted(replacing))
        self._most = most

    def gathered(self, deliveries: Iterable[AnyRow]) -> dict[str, Gathered]:
        """What each of these tells of, by its id; nothing that was taken back."""
        alike: dict[tuple[str, int, int | None], list[str]] = {}
        for row in deliveries:
            first = 0 if row.channel in self._replacing else row.first_round
            alike.setdefault((row.notification_id, first, row.last_round), []).append(row.id)
        told: dict[str, Gathered] = {}
        for some in chunked(alike.values()):
            found = self._read([ids[0] for ids in some])
            told |= {one: found.get(ids[0], Gathered()) for ids in some for one in ids}
        return told

    def _read(self, deliveries: Sequence[str]) -> dict[str, Gathered]:
        query = _newest_told(self._replacing, self._most, open_too=self._open_too)
        rows = self._connection.execute(query, {"deliveries": deliveries}).all()
        return {
            delivery: self._gathered(delivery, list(group))
            for delivery, group in groupby(rows, key=attrgetter("delivery_id"))
        }

    def _gathered(self, delivery: str, rows: Sequence[AnyRow]) -> Gathered:
        events, rounds = tuple(happening(row) for row in rows), tuple(row.round for row in rows)
        if rows[0].told == len(rows):
            return Gathered(events, rounds)
        acts = self._acts(delivery)
        named = [event.actor.id for event in events if event.actor.id in acts]
        return Gathered(events, rounds, sum(acts.values()) - len(named), len(acts.keys() - set(named)))

    def _acts(self, delivery: str) -> dict[str, int]:
        """How often each person acted whom the recipient wants to hear of. Reads every event: for the rare large."""
        unwanted = select(Relation.other).where(
            Relation.user_id == NotificationEvent.user_id,
            Relation.kind.in_([BLOCK, MUTE_ACTOR]),
            Relation.other == Event.actor,
        )
        rows = self._connection.execute(
            select(Event.actor, func.count())
            .join(NotificationEvent, NotificationEvent.event_id == Event.id)
            .join(Delivery, _tells(self._replacing, open_too=self._open_too))
            .where(Delivery.id == delivery, ~unwanted.exists())
            .group_by(Event.actor)
        )
        return {actor: count for actor, count in rows}  # noqa: C416 (a row is no pair to mypy)


@lru_cache
def _newest_told(replacing: tuple[str, ...], most: int, *, open_too: bool) -> Select[*tuple[Any, ...]]:
    """The newest events that each of `deliveries` tells of. Made once: it takes as long as to run it."""
    place = func.row_number().over(partition_by=Delivery.id, order_by=NotificationEvent.event_id.desc())
    numbered = (
        select(
            Delivery.id.label("delivery_id"),
            NotificationEvent.event_id,
            NotificationEvent.round,
            func.count().over(partition_by=Delivery.id).label("told"),
            place.label("place"),
        )
        .join(NotificationEvent, _tells(replacing, open_too=open_too))
        .where(Delivery.id.in_(bindparam("deliveries", expanding=True)))
        .subquery()
    )
    return (
        select(numbered.c.delivery_id, numbered.c.round, numbered.c.told, *HAPPENING)
        .join(Event, Event.id == numbered.c.event_id)
        .where(numbered.c.place <= most)
        .order_by(numbered.c.delivery_id, Event.id)
    )


def _tells(replacing: tuple[str, ...], *, open_too: bool) -> ColumnElement[bool]:
    """That a delivery tells of an event; `open_too`: or would, if it went out now."""
    until = NotificationEvent.round <= Delivery.last_round
    return and_(
        NotificationEvent.notification_id == Delivery.notification_id,
        NotificationEvent.undone_at.is_(None),
        or_(until, Delivery.last_round.is_(None)) if open_too else until,
        or_(NotificationEvent.round >= Delivery.first_round, Delivery.channel.in_(replacing)),
    )


def newest_events(notifications: Iterable[str], most: int) -> Subquery:
    """Up to `most` events of each of these, the newest: (notification_id, event_id, count of all that it tells of).

    Those that were taken back are among them.
    """
    notification, event = NotificationEvent.notification_id, NotificationEvent.event_id
    place = func.row_number().over(partition_by=notification, order_by=event.desc())
    numbered = (
        select(notification, event, func.count().over(partition_by=notification).label("count"), place.label("place"))
        .where(notification.in_(sorted(set(notifications))))
        .subquery()
    )
    columns = (numbered.c.notification_id, numbered.c.event_id, numbered.c.count)
    return select(*columns).where(numbered.c.place <= most).subquery()
