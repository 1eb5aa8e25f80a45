"""Purging: what is old enough is deleted, a few thousand rows in each transaction, and counted in the same one.

Each transaction leaves everything whole, so that it may be the last: a delivery goes with its tries, and a notification
with the last of its deliveries. Nothing waits for a lock: what somebody else holds goes the next time.
"""

import json
from collections import Counter as Counted
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, or_, select, update

from notifier.policy.retention import Purged, Rule, blanked
from notifier.store import counters
from notifier.store.aged import Kept
from notifier.store.bulk import count_by, delete_by, free_by, ids_by
from notifier.store.counters import Name
from notifier.store.models import (
    App,
    Attempt,
    Audit,
    Delivery,
    Digest,
    Event,
    Figure,
    Job,
    LoginLink,
    Notification,
    NotificationEvent,
    Pause,
    RejectedRequest,
    ScheduleRun,
)
from notifier.store.rolling import day_of, ids_of
from notifier.store.sql import AnyRow, insert, locked
from notifier.store.types import EPOCH, id_after, id_at, moment_of

MOST = 5_000  # rows of one transaction
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction purged, and where to go on; empty where nothing is left."""

    purged: Purged
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Deliveries that go, with those of their notifications that go with them, and how many rows that is."""

    rows: Sequence[AnyRow]
    emptied: Sequence[str]
    size: int


class Purging:
    """One transaction of a purge, on the given connection."""

    def __init__(self, connection: Connection, kept: Kept, now: datetime) -> None:
        self._connection = connection
        self._kept = kept
        self._now = now

    def days(self) -> list[str]:
        """The days of which deliveries are left that may be old enough, as of the last roll-up, by the figures.

        Newest first: a delivery goes no sooner than a later one that was sent again for it.
        """
        rules = self._kept.limits.rules
        if not rules:
            return []
        left = Figure.counted > Figure.purged, or_(*(self._of_rule(rule) for rule in rules))
        return list(self._connection.scalars(select(Figure.day).where(*left).distinct().order_by(Figure.day.desc())))

    def deliveries(self, day: str, after: str, most: int) -> Step:
        """Purge up to `most` deliveries of a day, those after that id, with all that belongs to them alone."""
        found = self._some(day, after, most)
        rows = self._free(found)
        if not rows:
            return Step(Purged(), found[-1].id if found else "")
        batch = self._fitting(rows)
        if batch is None:
            return Step(self._shrink(rows[0]), after or ids_of(day)[0])
        gone = self._with(batch.rows, batch.emptied)
        self._count(day, batch.rows)
        return Step(gone, batch.rows[-1].id)

    def attempts(self, after: str, most: int) -> Step:
        """Purge up to `most` tries that are older than their own time."""
        return self._aged(Attempt, "attempts", self._kept.attempt(), after, most)

    def digests(self, after: str, most: int) -> Step:
        """Purge up to `most` digests that came to their end."""
        return self._aged(Digest, "digests", self._kept.digest(), after, most)

    def runs(self, after: str, most: int) -> Step:
        """Purge up to `most` runs of schedules that have ended."""
        return self._aged(ScheduleRun, "runs", self._kept.run(), after, most)

    def jobs(self, after: str, most: int) -> Step:
        """Purge up to `most` jobs that came to their end."""
        return self._aged(Job, "jobs", self._kept.job(), after, most)

    def audit(self, after: str, most: int) -> Step:
        """Purge up to `most` records of what operators did."""
        return self._aged(Audit, "audit", self._kept.audit(), after, most)

    def bodies(self, after: str, most: int) -> Step:
        """Look at up to `most` events whose content has come to its time, and blank what nothing needs any more.

        Each is looked at once; one that was needed then is blanked with the notification that needed it.
        """
        limits = self._kept.limits
        if limits.bodies is None or not self._blanks:
            return Step(Purged())
        looked_to = EPOCH + counters.value(self._connection, Name.BLANKED_TO) * _MS
        start = Event.id > after if after else Event.id >= id_at("evt", looked_to)
        window = start, Event.id < id_at("evt", limits.bodies)
        ids = self._connection.scalars(select(Event.id).where(*window).order_by(Event.id).limit(most)).all()
        if not ids:
            return Step(Purged())
        blank = self._blank(Event.id.between(ids[0], ids[-1]))
        counters.advance(self._connection, Name.BLANKED_TO, (moment_of(ids[-1]) - EPOCH) // _MS)
        return Step(Purged(bodies=blank), ids[-1])

    def events(self, after: str, most: int) -> Step:
        """Purge up to `most` events of which nobody has a record any more."""
        query = select(Event.id, Event.app_id, Event.plan_cursor, Event.change).where(self._kept.event())
        query = query.where(Event.id > after) if after else query
        rows = self._connection.execute(locked(self._connection, query.order_by(Event.id).limit(most), Event)).all()
        if not rows:
            return Step(Purged())
        delete_by(self._connection, Event.id, [row.id for row in rows])
        counters.add(self._connection, Name.PURGED_EVENTS, len(rows))
        counters.add(self._connection, Name.PURGED_RECIPIENTS, sum(row.plan_cursor for row in rows))
        self._note_changes(rows)
        return Step(Purged(events=len(rows)), rows[-1].id)

    def odds(self) -> Purged:
        """Purge what there is little of: sign-in links that nobody used, pauses long over, and requests refused."""
        limits = self._kept.limits
        links = self._connection.execute(delete(LoginLink).where(LoginLink.expires_at <= limits.links))
        pauses = self._connection.execute(delete(Pause).where(Pause.until < limits.pauses))
        rejected = self._connection.execute(delete(RejectedRequest).where(self._kept.rejected()))
        return Purged(links=links.rowcount, pauses=pauses.rowcount, rejected=rejected.rowcount)

    def _of_rule(self, rule: Rule) -> ColumnElement[bool]:
        found = Figure.state.in_(rule.states) & (Figure.day <= day_of(rule.before))
        if rule.standing is None:
            return found
        stands = Figure.channel.in_(self._kept.standing)
        return found & (stands if rule.standing else ~stands)

    def _some(self, day: str, after: str, most: int) -> Sequence[AnyRow]:
        """The next deliveries that go. Only what was counted in its final state: see `notifier.store.rolling`."""
        first, end = ids_of(day)
        rolled = counters.value(self._connection, Name.ROLLED)
        given = {"start": id_after(after) if after else first, "end": end, "rolled": rolled, "most": most}
        return self._connection.execute(locked(self._connection, _going(self._kept), Delivery), given).all()

    def _free(self, rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
        """Those whose notification nobody holds; it is ours from here on."""
        free = free_by(self._connection, Notification.id, sorted({row.notification_id for row in rows}))
        return [row for row in rows if row.notification_id in free]

    def _fitting(self, rows: Sequence[AnyRow]) -> _Batch | None:
        """As many of these as fit into one transaction with all that goes with them; None where the first does not."""
        while rows:
            batch = self._batch(rows)
            if batch.size <= MOST:
                return batch
            rows = rows[: len(rows) // 2]
        return None

    def _batch(self, rows: Sequence[AnyRow]) -> _Batch:
        ids, its = [row.id for row in rows], sorted({row.notification_id for row in rows})
        stay = ids_by(self._connection, Delivery.notification_id, Delivery.notification_id, its, but=ids)
        emptied = [notification for notification in its if notification not in stay]
        told = count_by(self._connection, NotificationEvent.notification_id, emptied)
        tries = count_by(self._connection, Attempt.delivery_id, ids)
        return _Batch(rows, emptied, len(rows) + len(emptied) + told + tries)

    def _shrink(self, row: AnyRow) -> Purged:
        """Purge some of what belongs to one delivery and is too much at once: a post may have 100,000 likes."""
        its = select(Attempt.id).where(Attempt.delivery_id == row.id).limit(MOST)
        tries = delete_by(self._connection, Attempt.id, self._connection.scalars(its).all())
        if tries:
            return Purged(attempts=tries)
        return self._forget_some_told(row.notification_id)

    def _with(self, rows: Sequence[AnyRow], emptied: Sequence[str]) -> Purged:
        ids = [row.id for row in rows]
        tries = delete_by(self._connection, Attempt.delivery_id, ids)
        forgotten = self._forget_told(emptied)
        notifications = delete_by(self._connection, Notification.id, emptied)
        stood = {row.notification_id for row in rows if row.channel in self._kept.standing} - set(emptied)
        if stood:
            # It stands in the feed as long as its delivery there; other channels may have more to say of it.
            self._connection.execute(
                update(Notification).where(Notification.id.in_(sorted(stood))).values(feed_at=None)
            )
        deliveries = delete_by(self._connection, Delivery.id, ids)
        return forgotten + Purged(deliveries=deliveries, attempts=tries, notifications=notifications)

    def _forget_told(self, notifications: Sequence[str]) -> Purged:
        """Purge who was told of events in these notifications, and the content of what nobody else was told."""
        told = NotificationEvent
        events = ids_by(self._connection, told.event_id, told.notification_id, notifications) if self._blanks else set()
        return self._forgotten(delete_by(self._connection, told.notification_id, notifications), events)

    def _forget_some_told(self, notification: str) -> Purged:
        """Purge who was told of some of the events of one notification."""
        its = NotificationEvent.notification_id == notification
        events = self._connection.scalars(select(NotificationEvent.event_id).where(its).limit(MOST)).all()
        which = its, NotificationEvent.event_id.in_(events)
        return self._forgotten(self._connection.execute(delete(NotificationEvent).where(*which)).rowcount, set(events))

    def _forgotten(self, told: int, events: Collection[str]) -> Purged:
        counters.add(self._connection, Name.PURGED_TOLD, told)
        return Purged(told=told, bodies=self._blank(Event.id.in_(sorted(events))) if events and self._blanks else 0)

    @property
    def _blanks(self) -> bool:
        """Whether contents go before their events do."""
        limits = self._kept.limits
        return limits.bodies is not None and (limits.events is None or limits.bodies > limits.events)

    def _blank(self, which: ColumnElement[bool]) -> int:
        """Blank the content of those of these events whose time has come and that nothing needs."""
        query = select(Event.id, Event.body).where(which, self._kept.body()).order_by(Event.id)
        rows = self._connection.execute(locked(self._connection, query, Event)).all()
        if rows:
            self._connection.execute(
                update(Event)
                .where(Event.id == bindparam("event"))
                .values(body=bindparam("ids_alone"), blanked_at=self._now),
                [{"event": row.id, "ids_alone": _ids_alone(row.body)} for row in rows],
            )
        return len(rows)

    def _count(self, day: str, rows: Sequence[AnyRow]) -> None:
        """Keep in the figures what goes: in the same transaction, so that no sum changes."""
        counted = Counted((row.app_id, row.type, row.channel, str(row.state), row.reason or "") for row in rows)
        names = ("app_id", "type", "channel", "state", "reason")
        values = [
            dict(zip(names, key, strict=True)) | {"day": day, "counted": count, "purged": count}
            for key, count in sorted(counted.items())
        ]
        new = insert(self._connection, Figure).values(values)
        self._connection.execute(
            new.on_conflict_do_update(
                index_elements=["day", *names], set_={"purged": Figure.purged + new.excluded.purged}
            )
        )
        self._note_changes(rows)

    def _note_changes(self, rows: Iterable[AnyRow]) -> None:
        """Remember up to which change something of an app's may be missing."""
        for app, its in groupby(sorted(rows, key=attrgetter("app_id")), key=attrgetter("app_id")):
            newest = max((row.change or 0 for row in its), default=0)
            larger = App.id == app, App.purged_change < newest
            self._connection.execute(update(App).where(*larger).values(purged_change=newest))

    def _aged(self, table: Any, name: str, goes: ColumnElement[bool], after: str, most: int) -> Step:
        query = select(table.id).where(goes).order_by(table.id).limit(most)
        query = query.where(table.id > after) if after else query
        ids = self._connection.scalars(locked(self._connection, query, table)).all()
        delete_by(self._connection, table.id, ids)
        return Step(Purged(**{name: len(ids)}), ids[-1] if ids else "")


@lru_cache(maxsize=4)
def _going(kept: Kept) -> Select[*tuple[Any, ...]]:
    """The next deliveries that go, between two ids. Made once for a purge: it takes longer than to run it."""
    columns = (Delivery.notification_id, Delivery.app_id, Delivery.type, Delivery.channel, Delivery.state)
    counted = func.coalesce(Delivery.change, 0) <= bindparam("rolled")
    return (
        select(Delivery.id, *columns, Delivery.reason, Delivery.change)
        .where(Delivery.id >= bindparam("start"), Delivery.id < bindparam("end"), counted, kept.goes())
        .order_by(Delivery.id)
        .limit(bindparam("most"))
    )


def _ids_alone(body: bytes) -> bytes:
    return json.dumps(blanked(json.loads(body)), ensure_ascii=False, separators=(",", ":")).encode()
