"""Taking back: what was not sent is cancelled, and what was shown is corrected, a few rows in each transaction."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, or_, select, tuple_, update

from notifier.policy.catalogue import Kind
from notifier.policy.events import Event as Happening
from notifier.policy.words import Reason, State
from notifier.store.ending import cancel
from notifier.store.models import Delivery, Event, Notification, NotificationEvent
from notifier.store.planning import tally
from notifier.store.rows import happening
from notifier.store.sql import AnyRow, insert, locked_all
from notifier.store.types import Key, new_id

SHOWN = timedelta(hours=24)  # a push older than this is not corrected: it has gone from the screen
_EVENTS, _TOLD = "events", "told"


@dataclass(frozen=True, slots=True)
class Correction:
    """Which channels replace what they showed before, and how long to wait so that several corrections become one."""

    channels: Collection[str]
    gather: timedelta


class Undoing:
    """The store's side of one deletion, in the transaction of the given connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def deletions(self, events: Sequence[Happening], hanging: Collection[str], own: Collection[str]) -> list[Happening]:
        """The deletions that may concern these events: of types in `own` by the same actor, of `hanging` by anybody."""
        things = sorted({thing for event in events for thing in event.things})
        actors = sorted({event.actor.id for event in events})
        rows = self._connection.execute(
            select(Event).where(
                Event.object.in_(things),
                # Said once more, for the index: a thing may have a million likes, and its deletions are few.
                Event.type.in_(sorted({*own, *hanging})),
                or_(
                    and_(Event.type.in_(sorted(own)), Event.actor.in_(actors)),
                    Event.type.in_(sorted(hanging)),
                ),
            )
        )
        return [happening(row) for row in rows]

    def is_spent(self, deletion: Happening, event: Happening) -> bool:
        """Whether the deletion took back another such event, or could have: then it is not meant for this one."""
        earlier = select(Event.id).where(
            Event.object == event.object.id,
            Event.type == event.type,
            Event.actor == event.actor.id,
            Event.id != event.id,
            Event.occurred_at <= deletion.occurred_at,
        )
        spent = select(Event.id).where(Event.undone_by == deletion.id)
        return any(self._connection.scalar(query.limit(1)) for query in (earlier, spent))

    def mark(self, event_ids: Collection[str], deletion: str) -> None:
        """Note that the deletion took these events back. The plan of one that waits for its next wave goes on now."""
        due_at = case((Event.wave_at > self._now, self._now), else_=Event.due_at)
        self._connection.execute(
            update(Event)
            .where(Event.id.in_(event_ids), Event.undone_by.is_(None))
            .values(undone_by=deletion, due_at=due_at)
        )

    def named(self, deletion: Happening, kind: Kind, place: str, most: int) -> list[Happening]:
        """Up to `most` events that the deletion names and nothing took back yet, those after `place`, oldest first."""
        query = select(Event).where(
            _named(deletion, kind),
            Event.app_id == deletion.app,
            Event.undone_by.is_(None),
            Event.occurred_at <= deletion.occurred_at,
        )
        if place:
            query = query.where(Event.id > place)
        return [happening(row) for row in self._connection.execute(query.order_by(Event.id).limit(most))]

    def take_back(
        self,
        deletion: Happening,
        kind: Kind,
        after: str,
        most: int,
        wanted: Callable[[Happening], bool],
        correction: Correction,
    ) -> str:
        """Go on after `after` with what the deletion takes back; gives where to go on next, empty when it is done.

        First the events are marked, then what was told of them is undone.
        """
        step, _, place = (after or _EVENTS).partition(" ")
        if step == _EVENTS:
            return self._mark_some(deletion, kind, place, most, wanted)
        return self._undo_some(deletion, place, most, correction)

    def told_before(self, events: Sequence[Happening], since: datetime) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """For each of these events: the channels, by person, on which the same act was told and then taken back."""
        earlier = self._undone_like(events, since)
        if not earlier:
            return {}
        rows = self._connection.execute(
            select(NotificationEvent.event_id, Delivery.user_id, Delivery.channel)
            .join(Delivery, Delivery.notification_id == NotificationEvent.notification_id)
            .join(Event, Event.id == NotificationEvent.event_id)
            .where(
                NotificationEvent.event_id.in_(sorted(earlier)),
                Delivery.user_id == NotificationEvent.user_id,
                Delivery.state.in_([State.SENDING, State.SENT, State.BOUNCED]),
                or_(Delivery.sent_at.is_(None), Delivery.sent_at >= Event.accepted_at),
            )
        )
        found: dict[str, dict[str, set[str]]] = {}
        for event, user, channel in rows:
            for again in earlier[event]:
                found.setdefault(again, {}).setdefault(user, set()).add(channel)
        return {
            event: {user: frozenset(channels) for user, channels in people.items()} for event, people in found.items()
        }

    def _undone_like(self, events: Sequence[Happening], since: datetime) -> dict[str, list[str]]:
        """Earlier events that were taken back → those of `events` that are the same act once more."""
        acts: dict[tuple[str, str, str, str], list[str]] = {}
        for event in events:
            acts.setdefault((event.app, event.type, event.actor.id, event.object.id), []).append(event.id)
        rows = self._connection.execute(
            select(Event.id, Event.app_id, Event.type, Event.actor, Event.object).where(
                Event.object.in_(sorted({act[3] for act in acts})),
                Event.type.in_(sorted({act[1] for act in acts})),
                Event.actor.in_(sorted({act[2] for act in acts})),
                Event.undone_by.is_not(None),
                Event.accepted_at > since,
            )
        )
        found = {row.id: acts.get((row.app_id, row.type, row.actor, row.object), []) for row in rows}
        return {event: again for event, again in found.items() if again}

    def _mark_some(
        self, deletion: Happening, kind: Kind, place: str, most: int, wanted: Callable[[Happening], bool]
    ) -> str:
        found = self.named(deletion, kind, place, most)
        self.mark([event.id for event in found if wanted(event)], deletion.id)
        return f"{_EVENTS} {found[-1].id}" if len(found) == most else _TOLD

    def _undo_some(self, deletion: Happening, place: str, most: int, correction: Correction) -> str:
        event, _, user = place.partition(" ")
        query = (
            select(NotificationEvent.event_id, NotificationEvent.user_id, NotificationEvent.notification_id)
            .join(Event, Event.id == NotificationEvent.event_id)
            .where(Event.undone_by == deletion.id, NotificationEvent.undone_at.is_(None))
            .order_by(NotificationEvent.event_id, NotificationEvent.user_id)
            .limit(most)
        )
        key = tuple_(NotificationEvent.event_id, NotificationEvent.user_id)
        if event:
            query = query.where(key > tuple_(literal(event, Key("evt")), literal(user)))
        rows = self._connection.execute(query).all()
        if rows:
            self._undo(rows, deletion, correction)
        return f"{_TOLD} {rows[-1].event_id} {rows[-1].user_id}" if len(rows) == most else ""

    def _undo(self, rows: Sequence[AnyRow], deletion: Happening, correction: Correction) -> None:
        notifications = sorted({row.notification_id for row in rows})
        # Locked before their deliveries, as everywhere.
        locking = select(Notification.id).where(Notification.id.in_(notifications)).order_by(Notification.id)
        self._connection.execute(locked_all(self._connection, locking)).all()
        for event in sorted({row.event_id for row in rows}):
            self._connection.execute(
                update(NotificationEvent)
                .where(
                    NotificationEvent.event_id == event,
                    NotificationEvent.user_id.in_([row.user_id for row in rows if row.event_id == event]),
                )
                .values(undone_at=self._now)
            )
        left = self._left(notifications)
        self._correct([one for one in notifications if one in left], correction)
        self._empty([one for one in notifications if one not in left], deletion)

    def _left(self, notifications: Sequence[str]) -> set[str]:
        """Those of which there is something left to tell."""
        rows = self._connection.execute(
            select(NotificationEvent.notification_id, func.count())
            .where(NotificationEvent.notification_id.in_(notifications), NotificationEvent.undone_at.is_(None))
            .group_by(NotificationEvent.notification_id)
        )
        return {row[0] for row in rows}

    def _empty(self, notifications: Sequence[str], deletion: Happening) -> None:
        """Nothing is left of these: they leave the feed, and what was not sent is not sent."""
        if not notifications:
            return
        self._connection.execute(
            update(Notification)
            .where(Notification.id.in_(notifications))
            .values(undone_at=self._now, changed_at=self._now, ended_at=func.coalesce(Notification.ended_at, self._now))
        )
        cancel(
            self._connection,
            Delivery.notification_id.in_(notifications),
            Reason.TAKEN_BACK,
            value=deletion.type,
            now=self._now,
        )

    def _correct(self, notifications: Sequence[str], correction: Correction) -> None:
        """Something is left of these: the feed shows what, and so does a channel that replaces what it showed."""
        if not notifications:
            return
        self._connection.execute(
            update(Notification).where(Notification.id.in_(notifications)).values(changed_at=self._now)
        )
        rows = self._connection.execute(
            select(Delivery)
            .join(Notification, Notification.id == Delivery.notification_id)
            .where(
                Delivery.notification_id.in_(notifications),
                Delivery.channel.in_(sorted(correction.channels)),
                Delivery.address_id.is_not(None),
                Notification.read_at.is_(None),
            )
            .order_by(Delivery.id)
        ).all()
        by_address: dict[tuple[str, str, str], list[AnyRow]] = {}
        for row in rows:
            by_address.setdefault((row.notification_id, row.channel, row.address_id), []).append(row)
        made = [
            self._correction(shown[-1], correction.gather) for shown in by_address.values() if self._is_shown(shown)
        ]
        if made:
            self._connection.execute(insert(self._connection, Delivery), made)
            tally(self._connection, (row["channel"] for row in made), self._now)

    def _is_shown(self, deliveries: Iterable[AnyRow]) -> bool:
        """Whether a screen may still show it, and nothing is on its way that will say better."""
        states = list(deliveries)
        if any(one.state in (State.WAITING, State.QUEUED) for one in states):
            return False
        return any(one.state == State.SENT and one.sent_at > self._now - SHOWN for one in states)

    def _correction(self, shown: AnyRow, gather: timedelta) -> dict[str, Any]:
        kept = ("notification_id", "app_id", "user_id", "type", "channel", "address_id", "queue")
        return {name: getattr(shown, name) for name in kept} | {
            "id": new_id("dlv"),
            "state": State.WAITING,
            "reason": Reason.GATHERING,
            "rule": "taken_back",
            "value": "what was shown is corrected",
            "due_at": self._now + gather,
            "wanted_at": self._now + gather,
            "first_round": 1,
            "tries": 0,
            "last_code": "",
            "created_at": self._now,
        }


def _named(deletion: Happening, kind: Kind) -> ColumnElement[bool]:
    if kind.hangs:
        return or_(Event.object == deletion.object.id, Event.target == deletion.object.id)
    return and_(Event.object == deletion.object.id, Event.type == kind.takes_back, Event.actor == deletion.actor.id)
