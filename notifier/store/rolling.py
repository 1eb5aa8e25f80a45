"""Figures: how many deliveries of each day came to which end, counted from the rows that are there and those that went.

A purge moves a number from the rows to `purged`, and so changes no sum. It takes only what a roll-up has counted in its
final state, see `docs/decisions/0013`.
"""

from collections import Counter as Counted
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from notifier.policy.words import FINAL
from notifier.store import changes, counters
from notifier.store.models import App, Delivery, Figure
from notifier.store.sql import chunked, insert, octets
from notifier.store.types import id_at, moment_of

_PREFIX = 3  # octets of an id: 4.7 hours
_SPAN = timedelta(milliseconds=1 << (48 - 8 * _PREFIX))
_KEY = ("day", "app_id", "type", "channel", "state", "reason")
_ROWS = 1_000  # figures in one statement

Key = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Sum:
    """What one look counted: the figures of these days, with all changes from the one after `since` to `upto`."""

    since: int
    upto: int
    days: Sequence[str]
    counted: Mapping[Key, int]


def day_of(moment: datetime) -> str:
    """The day of a figure, in UTC."""
    return f"{moment.astimezone(UTC):%F}"


def ids_of(day: str) -> tuple[str, str]:
    """The ids that deliveries of that day begin with, and end before."""
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return id_at("dlv", start), id_at("dlv", start + timedelta(days=1))


class Rolling:
    """Counts in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self) -> Sum:
        """Count each day on which something has come to its end since the last roll-up. All of it as of one moment."""
        since = counters.value(self._connection, counters.Name.ROLLED)
        upto = counters.value(self._connection, changes.NAME)
        if upto == since:
            return Sum(since, upto, (), {})
        days = sorted(set(self._every_day() if since < 0 else self._days_since(since)))
        counted: Counted[Key] = Counted()
        for day in days:
            counted.update(self._rows(day))
        for some in chunked(days, _ROWS):
            counted.update(self._purged(some))
        return Sum(since, upto, days, counted)

    def store(self, found: Sum) -> bool:
        """Keep what was counted; False where another roll-up kept a look that was as new: then nothing is kept."""
        if not counters.advance(self._connection, counters.Name.ROLLED, found.upto):
            return False
        for some in chunked(found.days, _ROWS):
            self._connection.execute(update(Figure).where(Figure.day.in_(some)).values(counted=0))
        for keys in chunked(sorted(found.counted), _ROWS):
            rows = [dict(zip(_KEY, key, strict=True)) | {"counted": found.counted[key]} for key in keys]
            new = insert(self._connection, Figure).values(rows)
            self._connection.execute(
                new.on_conflict_do_update(index_elements=_KEY, set_={"counted": new.excluded.counted})
            )
        # What had come to one end may have come to another: a delivery bounces after it was sent.
        for some in chunked(found.days, _ROWS):
            nothing = Figure.day.in_(some), Figure.counted == 0, Figure.purged == 0
            self._connection.execute(delete(Figure).where(*nothing))
        return True

    def _every_day(self) -> Iterator[str]:
        # PostgreSQL orders ids, and knows neither the smallest nor the largest of them.
        first, last = (
            self._connection.scalar(select(Delivery.id).order_by(order).limit(1))
            for order in (Delivery.id, Delivery.id.desc())
        )
        return _days(moment_of(first), moment_of(last)) if first and last else iter(())

    def _days_since(self, change: int) -> Iterator[str]:
        prefix = octets(self._connection, Delivery.id, _PREFIX)
        # By their apps, since that is how the index of changes is ordered.
        ended = Delivery.app_id.in_(select(App.id)), Delivery.change > change
        for found in self._connection.scalars(select(prefix).where(*ended).distinct()):
            start = moment_of("dlv_" + bytes(found).hex().ljust(32, "0"))
            yield from _days(start, start + _SPAN)

    def _rows(self, day: str) -> dict[Key, int]:
        first, last = ids_of(day)
        reason = func.coalesce(Delivery.reason, "")
        key = (Delivery.app_id, Delivery.type, Delivery.channel, Delivery.state, reason)
        ended = Delivery.id >= first, Delivery.id < last, Delivery.state.in_(FINAL)
        rows = self._connection.execute(select(*key, func.count()).where(*ended).group_by(*key))
        return {(day, app, type_, channel, str(state), why): count for app, type_, channel, state, why, count in rows}

    def _purged(self, days: Sequence[str]) -> dict[Key, int]:
        rows = self._connection.execute(
            select(Figure.day, Figure.app_id, Figure.type, Figure.channel, Figure.state, Figure.reason, Figure.purged)
            .where(Figure.day.in_(days), Figure.purged > 0)
        )  # fmt: skip
        return {(day, app, type_, channel, state, why): n for day, app, type_, channel, state, why, n in rows}


def _days(first: datetime, last: datetime) -> Iterator[str]:
    day = first.date()
    while day <= last.date():
        yield day.isoformat()
        day += timedelta(days=1)
