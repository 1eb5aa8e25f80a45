"""Erasing a person, a few rows in each transaction: what is theirs goes, what the books need gets another name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, or_, select, update

from notifier.policy.erasing import Erasure
from notifier.policy.relations import BLOCK, FOLLOW, MUTE_ACTOR
from notifier.policy.words import Reason, State
from notifier.store.admins import Admins
from notifier.store.assets import Assets
from notifier.store.ending import cancel
from notifier.store.jobs import Jobs
from notifier.store.models import (
    DUE,
    EMPTY,
    OPEN,
    Address,
    Attempt,
    Audit,
    Delivery,
    Digest,
    Event,
    Notification,
    NotificationEvent,
    Pause,
    Preference,
    PreferenceChange,
    Relation,
    User,
)
from notifier.store.sql import AnyRow, holds, locked_all

SOME = 500  # rows of one transaction that are written
WINDOW = 5_000  # events of one transaction that are looked at
# Comes before every id, and is none: where a plan begins anew that has named everybody.
_BEFORE_ALL = "\x01"

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Events that name the person, and how far was looked; empty at the end."""

    events: tuple[str, ...]
    looked_to: str


class Erasing:
    """The store's side of an erasure, in one transaction of the given connection.

    What works through many rows does some of it, and is called until it gives nothing more.
    """

    def __init__(self, connection: Connection, erasure: Erasure, now: datetime) -> None:
        self._connection = connection
        self._person = erasure.person
        self._erasure = erasure
        self._now = now

    def forget(self) -> None:
        """Forget how they are reached, what they are called and what they chose: nothing is sent from now on."""
        mine = select(Address.value).where(Address.user_id == self._person, Address.channel == "email")
        for address in self._connection.scalars(mine).all():
            if address:
                said = Pause.why.contains(address, autoescape=True)
                self._connection.execute(update(Pause).where(said).values(why=""))
        for table in (Address, Preference):
            self._connection.execute(delete(table).where(table.user_id == self._person))
        # Whoever announces something to everyone must not come upon them again.
        self._connection.execute(delete(User).where(User.id == self._person))

    def cancel_some(self) -> int:
        """Cancel what waits for them or is queued."""
        unsent = and_(Delivery.user_id == self._person, Delivery.state.in_([State.WAITING, State.QUEUED]))
        notifications = set(self._connection.scalars(select(Delivery.notification_id).where(unsent).limit(SOME)))
        self._lock(sorted(notifications))
        which = and_(unsent, Delivery.notification_id.in_(notifications))
        return len(cancel(self._connection, which, Reason.ERASED, now=self._now)) if notifications else 0

    def forget_some_relations(self) -> int:
        """Forget whom they follow, block and mute, and who follows, blocks and mutes them."""
        people = and_(Relation.other == self._person, Relation.kind.in_([FOLLOW, BLOCK, MUTE_ACTOR]))
        gone = 0
        for which in (Relation.user_id == self._person, people):
            rows = self._connection.execute(
                select(Relation.user_id, Relation.kind, Relation.other).where(which).limit(SOME)
            ).all()
            self._delete_relations(rows)
            gone += len(rows)
        return gone

    def forget_some_media(self) -> int:
        """Forget the pictures and videos of their posts; the files are deleted before long."""
        assets = Assets(self._connection)
        return assets.drop(assets.shown_of(self._person, SOME), self._now)

    def forget_some_changes(self) -> int:
        """Forget the history of what they chose."""
        some = select(PreferenceChange.id).where(PreferenceChange.user_id == self._person).limit(SOME)
        return self._connection.execute(delete(PreferenceChange).where(PreferenceChange.id.in_(some))).rowcount

    def changes_naming(self) -> list[str]:
        """Changes in other people's histories that name them."""
        names = self._names()
        told = or_(PreferenceChange.before.in_(names), PreferenceChange.after.in_(names))
        return list(self._connection.scalars(select(PreferenceChange.id).where(told)))

    def rename_changes(self, ids: Sequence[str]) -> None:
        """Give them their new name in these changes."""
        for column in (PreferenceChange.before, PreferenceChange.after):
            self._rename(PreferenceChange, column, PreferenceChange.id.in_(ids))

    def window(self, after: str) -> Window | None:
        """The next events after that one in which they may stand; None where there are no more events."""
        next_ = select(Event.id).order_by(Event.id).limit(WINDOW)
        part = (next_.where(Event.id > after) if after else next_).subquery()
        last = self._connection.scalar(select(part.c.id).order_by(part.c.id.desc()).limit(1))
        if last is None:
            return None
        query = select(Event.id).where(Event.id <= last, self._named()).order_by(Event.id)
        found = self._connection.scalars(query.where(Event.id > after) if after else query)
        return Window(tuple(found), last)

    def rewrite(self, ids: Sequence[str], erased: Callable[[str, Data], Data]) -> None:
        """Take them out of these events; `erased` gives the data without them, by type and data."""
        query = select(Event).where(Event.id.in_(ids)).order_by(Event.id)
        rows = self._connection.execute(locked_all(self._connection, query)).all()
        new = [(row, json.loads(row.body), self._after(row)) for row in rows]
        made = [(row, erased(row.type, data), after) for row, data, after in new]
        changed = [
            (row, data, after)
            for (row, data, after), (_, before, _) in zip(made, new, strict=True)
            if data != before or after != row.plan_after
        ]
        if not changed:
            return
        self._connection.execute(
            update(Event)
            .where(Event.id == bindparam("event"))
            .values({name: bindparam(f"new_{name}") for name in ("body", "actor", "object", "target", "plan_after")}),
            [self._event(row, data, after) for row, data, after in changed],
        )
        things = [row.id for row, data, _ in changed if (row.object, row.target) != _things(data)]
        self._rename_others([row.id for row, _, _ in changed], things)

    def is_being_told(self) -> bool:
        """Whether something is being sent to them at this moment."""
        sending = Delivery.user_id == self._person, Delivery.state == State.SENDING
        return self._connection.scalar(select(Delivery.id).where(*sending).limit(1)) is not None

    def some_notifications(self) -> list[str]:
        """Some notifications of theirs."""
        query = select(Notification.id).where(Notification.user_id == self._person).order_by(Notification.id)
        return list(self._connection.scalars(query.limit(SOME)))

    def rename_some_told(self, notifications: Sequence[str]) -> int:
        """Give them their new name where they were told of something in these notifications."""
        events = self._connection.scalars(
            select(NotificationEvent.event_id)
            .where(
                NotificationEvent.notification_id.in_(notifications),
                NotificationEvent.user_id == self._person,
            )
            .limit(SOME)
        ).all()
        # An event that is told at each one's own hour may have come to the new name meanwhile, where it names people.
        met = and_(NotificationEvent.event_id.in_(events), NotificationEvent.user_id == self._erasure.name)
        twice = set(self._connection.scalars(select(NotificationEvent.event_id).where(met)))
        self._rename_told([event for event in events if event not in twice], self._erasure.name)
        if twice:
            self._rename_told(sorted(twice), f"{self._erasure.name}_too")
        return len(events)

    def rename_some_deliveries(self, notifications: Sequence[str]) -> int:
        """Give them their new name in deliveries of these notifications; what providers said of them is forgotten."""
        ids = self._connection.scalars(
            select(Delivery.id)
            .where(Delivery.notification_id.in_(notifications), Delivery.user_id == self._person)
            .limit(SOME)
        ).all()
        self._connection.execute(update(Attempt).where(Attempt.delivery_id.in_(ids)).values(text=""))
        self._connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(user_id=self._erasure.name))
        return len(ids)

    def end_notifications(self, notifications: Sequence[str]) -> None:
        """Let these leave the feed, and nothing join them; they get the new name."""
        self._lock(notifications)
        ended = func.coalesce(Notification.ended_at, self._now)
        self._connection.execute(
            update(Notification)
            .where(Notification.id.in_(notifications))
            .values(user_id=self._erasure.name, fold="", ended_at=ended, feed_at=None)
        )

    def rename_some_digests(self) -> int:
        """Give their digests the new name; what is open has nothing to tell any more."""
        some = select(Digest.id).where(Digest.user_id == self._person).limit(SOME)
        ended = {
            "user_id": self._erasure.name,
            "state": case((Digest.state.in_([OPEN, DUE]), EMPTY), else_=Digest.state),
            "due_at": None,
            "ended_at": func.coalesce(Digest.ended_at, self._now),
        }
        return self._connection.execute(update(Digest).where(Digest.id.in_(some)).values(ended)).rowcount

    def end(self, who: str) -> None:
        """Forget that there was such a person, and note that somebody was erased."""
        for table in (Address, Preference):
            self._connection.execute(delete(table).where(table.user_id == self._person))
        self._connection.execute(delete(User).where(User.id == self._person))
        shown = func.replace(Audit.subject, repr(self._person), repr(self._erasure.name))
        self._connection.execute(
            update(Audit)
            .where(Audit.subject.contains(repr(self._person), autoescape=True))
            .values(subject=func.substr(shown, 1, Audit.subject.type.length))
        )
        Jobs(self._connection).forget(self._person, self._erasure.name)
        Admins(self._connection).note(who, "user.erase", self._erasure.name, self._now)

    def _names(self) -> list[str]:
        return [self._person, *(f"{word}:{self._person}" for word in ("actor", "object"))]

    def _lock(self, notifications: Sequence[str]) -> None:
        # Before their deliveries, as everywhere.
        query = select(Notification.id).where(Notification.id.in_(notifications)).order_by(Notification.id)
        self._connection.execute(locked_all(self._connection, query)).all()

    def _delete_relations(self, rows: Sequence[AnyRow]) -> None:
        if not rows:
            return
        one = and_(
            Relation.user_id == bindparam("user"),
            Relation.kind == bindparam("of_kind"),
            Relation.other == bindparam("to_other"),
        )
        found = sorted(tuple(row) for row in rows)
        self._connection.execute(
            delete(Relation).where(one), [{"user": row[0], "of_kind": row[1], "to_other": row[2]} for row in found]
        )

    def _named(self) -> ColumnElement[bool]:
        """That an event may name them: in a column, or anywhere in its body, however it is spelled there."""
        spelled = {json.dumps(self._person, ensure_ascii=plain)[1:-1].encode() for plain in (True, False)}
        return or_(
            Event.actor == self._person,
            Event.object == self._person,
            Event.target == self._person,
            Event.plan_after == self._person,
            Event.plan_after.endswith(f" {self._person}", autoescape=True),
            *(holds(self._connection, Event.body, octets) for octets in sorted(spelled)),
        )

    def _after(self, event: AnyRow) -> str:
        """How far the event's plan has come, without naming them."""
        place: str = event.plan_after
        if place == self._person:
            return "" if event.planned_at else self._follower_before(event)
        # What is already undone is passed over, so that to begin with the event again does no harm.
        return place.removesuffix(self._person) if place.endswith(f" {self._person}") else place

    def _follower_before(self, event: AnyRow) -> str:
        # Where people are walked through, who was told is passed over: any place before the person will do.
        before = select(Relation.user_id).where(Relation.kind == FOLLOW, Relation.user_id < self._person)
        whom = json.loads(event.body).get("followers_of") or event.actor
        found = before.where(Relation.other == whom).order_by(Relation.user_id.desc()).limit(1)
        return self._connection.scalar(found) or _BEFORE_ALL

    def _event(self, row: AnyRow, data: Data, after: str) -> dict[str, Any]:
        return {
            "event": row.id,
            "new_body": json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(),
            "new_actor": data["actor"]["id"],
            "new_object": _things(data)[0],
            "new_target": _things(data)[1],
            "new_plan_after": after,
        }

    def _rename_others(self, events: Sequence[str], renamed: Sequence[str]) -> None:
        """Why others were not told of these events, and what those fold with that are about the person."""
        told = select(NotificationEvent.notification_id)
        self._rename(Delivery, Delivery.value, Delivery.notification_id.in_(told.where(_event_in(events))))
        mark, new_mark = f":{self._person}@", f":{self._erasure.name}@"
        fold = Notification.fold.contains(mark, autoescape=True)
        named = Notification.id.in_(told.where(_event_in(renamed)))
        for row in self._connection.execute(select(Notification.id, Notification.fold).where(named, fold)).all():
            new = row.fold.replace(mark, new_mark)
            self._connection.execute(update(Notification).where(Notification.id == row.id).values(fold=new))

    def _rename_told(self, events: Sequence[str], name: str) -> None:
        self._connection.execute(
            update(NotificationEvent)
            .where(NotificationEvent.event_id.in_(events), NotificationEvent.user_id == self._person)
            .values(user_id=name)
        )

    def _rename(self, table: Any, column: Any, which: ColumnElement[bool]) -> None:
        new = {name: name.removesuffix(self._person) + self._erasure.name for name in self._names()}
        self._connection.execute(
            update(table).where(which, column.in_(list(new))).values({column: case(new, value=column)})
        )


def _things(data: Data) -> tuple[str, str]:
    return data["object"]["id"], (data.get("target") or {}).get("id", "")


def _event_in(events: Sequence[str]) -> ColumnElement[bool]:
    return NotificationEvent.event_id.in_(events)
