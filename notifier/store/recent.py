"""The figures of the last days: how many deliveries of each five minutes stand where, and how fast they were.

Kept by a short roll-up of its own, so that the first page need not count: each time it counts anew the five minutes in
which something has come to its end since, and the newest ones.
"""

from collections import Counter as Counted
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, cast, delete, func, select
from sqlalchemy.types import Float

from notifier.policy.pace import LAST, numbered
from notifier.policy.words import State
from notifier.store import changes, counters
from notifier.store.models import App, Delivery, Event, HourlyFigure, NotificationEvent, RecentFigure
from notifier.store.sql import chunked, insert, octets
from notifier.store.types import id_at, moment_of

SLOT = timedelta(minutes=5)
KEPT = timedelta(days=8)
ACCEPTED = "accepted"  # the state of an event, beside those of deliveries
LATEST = 3  # slots that are counted each time: what is planned in them may not have come to an end
_PREFIX = 4  # octets of an id: 65 seconds
_SPAN = timedelta(milliseconds=1 << (48 - 8 * _PREFIX))
_MEANT = timedelta(seconds=1)  # what was to go out later than this after its plan waited on purpose
_KEY = ("slot", "channel", "state", "pace")
_HOUR = 13  # characters of the name of an hour

Key = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look counted: all changes from the one after `since` to `upto`."""

    since: int
    upto: int
    slots: Sequence[str]
    counted: Mapping[Key, int]


@dataclass(frozen=True, slots=True)
class Recent:
    """How many stood where in some stretch of time; `start` is its beginning as the slot names it."""

    start: str
    channel: str
    state: str
    count: int


def slot_of(moment: datetime) -> str:
    """The five minutes of a moment, in UTC."""
    at = moment.astimezone(UTC)
    return f"{at:%FT%H}:{at.minute // 5 * 5:02}"


def start_of(slot: str) -> datetime:
    """When the five minutes begin."""
    return datetime.fromisoformat(f"{slot}:00+00:00")


class RecentFigures:
    """Counts and tells, in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self, now: datetime) -> Look:
        """Count each five minutes in which something has moved. All of it as of one moment."""
        since = counters.value(self._connection, counters.Name.PULSED)
        upto = counters.value(self._connection, changes.NAME)
        oldest = slot_of(now - KEPT)
        moved = self._every_slot(now) if since < 0 else self._slots_since(since) if upto > since else ()
        slots = sorted(slot for slot in {*moved, *_slots(now - SLOT * (LATEST - 1), now)} if slot >= oldest)
        counted: Counted[Key] = Counted()
        for slot in slots:
            counted.update(self._count(slot))
        return Look(since, upto, slots, counted)

    def store(self, found: Look, now: datetime) -> None:
        """Keep what was counted, unless another has kept a newer look meanwhile; forget what is too old."""
        # Held from here on: of two that are kept at the same moment the other is looked at only afterwards.
        if found.upto < counters.hold(self._connection, counters.Name.PULSED):
            return
        counters.advance(self._connection, counters.Name.PULSED, found.upto)
        oldest = slot_of(now - KEPT)
        self._connection.execute(delete(RecentFigure).where(RecentFigure.slot < oldest))
        self._connection.execute(delete(HourlyFigure).where(HourlyFigure.hour < oldest[:_HOUR]))
        for some in chunked(found.slots, 1_000):
            self._connection.execute(delete(RecentFigure).where(RecentFigure.slot.in_(some)))
        for keys in chunked(sorted(found.counted), 1_000):
            rows = [dict(zip(_KEY, key, strict=True)) | {"counted": found.counted[key]} for key in keys]
            self._connection.execute(insert(self._connection, RecentFigure).values(rows))
        self._sum_up(sorted({slot[:_HOUR] for slot in found.slots}))

    def since(self, slot: str, length: int) -> list[Recent]:
        """All from that slot on, by stretches of time that share so many characters of the slot's name.

        Where that is an hour or more, whole hours are read as such, and the first stretch comes in two.
        """
        found = []
        for of, name, which in _figures(slot, by_hours=length <= _HOUR):
            key = (func.substr(name, 1, length), of.channel, of.state)
            rows = self._connection.execute(select(*key, func.sum(of.counted)).where(which).group_by(*key))
            found += [Recent(start, channel, state, int(count)) for start, channel, state, count in rows]
        return found

    def paces(self, slot: str) -> dict[int, int]:
        """How many messages were sent that were planned from that slot on, by the number of their span."""
        found: Counted[int] = Counted()
        for of, _, which in _figures(slot, by_hours=True):
            sent = which, of.state == State.SENT, of.pace > 0
            rows = self._connection.execute(select(of.pace, func.sum(of.counted)).where(*sent).group_by(of.pace))
            found.update({pace: int(count) for pace, count in rows})
        return found

    def _sum_up(self, hours: Sequence[str]) -> None:
        """Keep the sums of these hours anew."""
        of = RecentFigure
        key = (func.substr(of.slot, 1, _HOUR), of.channel, of.state, of.pace)
        for some in chunked(hours, 1_000):
            self._connection.execute(delete(HourlyFigure).where(HourlyFigure.hour.in_(some)))
        for hour in hours:
            its = of.slot.between(f"{hour}:00", f"{hour}:59")
            sums = select(*key, func.sum(of.counted)).where(its).group_by(*key)
            into = ("hour", *_KEY[1:], "counted")
            self._connection.execute(insert(self._connection, HourlyFigure).from_select(into, sums))

    def _every_slot(self, now: datetime) -> Iterator[str]:
        first = self._connection.scalar(
            select(Delivery.id).where(Delivery.id >= id_at("dlv", now - KEPT)).order_by(Delivery.id).limit(1)
        )
        return _slots(moment_of(first), now) if first else iter(())

    def _slots_since(self, change: int) -> Iterator[str]:
        prefix = octets(self._connection, Delivery.id, _PREFIX)
        # By their apps, since that is how the index of changes is ordered.
        ended = Delivery.app_id.in_(select(App.id)), Delivery.change > change
        for found in self._connection.scalars(select(prefix).where(*ended).distinct()):
            start = moment_of("dlv_" + bytes(found).hex().ljust(32, "0"))
            yield from _slots(start, start + _SPAN)

    def _count(self, slot: str) -> dict[Key, int]:
        start = start_of(slot)
        first, last = id_at("dlv", start), id_at("dlv", start + SLOT)
        key = (Delivery.channel, Delivery.state, self._pace().label("pace"))
        rows = self._connection.execute(
            select(*key, func.count()).where(Delivery.id >= first, Delivery.id < last).group_by(*key)
        )
        found = {(slot, channel, str(state), pace): count for channel, state, pace, count in rows}
        first, last = id_at("evt", start), id_at("evt", start + SLOT)
        events = self._connection.scalar(select(func.count()).where(Event.id >= first, Event.id < last))
        return found | ({(slot, "", ACCEPTED, 0): events} if events else {})

    def _pace(self) -> ColumnElement[int]:
        """Of a message that was handed over, the number of its span; what stands in a feed was never tried."""
        took = self._seconds(Delivery.sent_at) - self._seconds(self._began())
        spans = [(took <= end, number) for number, end in numbered()]
        handed_over = (Delivery.state == State.SENT) & (Delivery.last_code != "")
        return case((~handed_over, 0), *spans, else_=LAST)

    def _began(self) -> ColumnElement[Any]:
        """When its event was accepted; of what waited on purpose, when it was to go out."""
        accepted = (
            select(func.max(Event.accepted_at))
            .join(NotificationEvent, NotificationEvent.event_id == Event.id)
            .where(
                NotificationEvent.notification_id == Delivery.notification_id,
                NotificationEvent.round == Delivery.first_round,
                Event.accepted_at <= Delivery.created_at,
            )
            .scalar_subquery()
        )
        waited = self._seconds(Delivery.wanted_at) - self._seconds(Delivery.created_at) > _MEANT.total_seconds()
        # Where the event was purged, the plan is the earliest moment that is known.
        return case((waited, Delivery.wanted_at), else_=func.coalesce(accepted, Delivery.created_at))

    def _seconds(self, moment: Any) -> ColumnElement[float]:
        if self._connection.dialect.name == "postgresql":
            return cast(func.extract("epoch", moment), Float)
        return func.julianday(moment, type_=Float) * 86_400.0


def _figures(slot: str, *, by_hours: bool) -> Iterator[tuple[Any, Any, ColumnElement[bool]]]:
    """The tables that hold all from that slot on, each with its name of a time, and which of its rows those are."""
    five, hour = RecentFigure.slot, HourlyFigure.hour
    if not by_hours:
        yield RecentFigure, five, five >= slot
        return
    yield RecentFigure, five, five.between(slot, f"{slot[:_HOUR]}:59")
    yield HourlyFigure, hour, hour > slot[:_HOUR]


def _slots(first: datetime, last: datetime) -> Iterator[str]:
    at = start_of(slot_of(first))
    while at <= last:
        yield slot_of(at)
        at += SLOT
