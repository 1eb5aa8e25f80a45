"""The pulse: what the first page shows without counting, kept fresh in the background at a bounded cost."""

import time
from datetime import datetime, timedelta

from notifier.pipeline import Clock
from notifier.store.books import count_books
from notifier.store.database import Database
from notifier.store.recent import RecentFigures
from notifier.store.snapshots import LastBooks, Snapshots

SHARE = 100  # the books are counted no more often than that this part of the time goes into it
SOONEST = timedelta(seconds=25)


class Pulse:
    """Keeps the figures of the last days, and the books. Several may do so at once, and each may be killed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def beat(self) -> str:
        """Count what has moved since the last beat; gives one line about it. Raises `DatabaseAway`."""
        now = self._clock()
        with self._database.read() as connection:
            found, last = RecentFigures(connection).look(now), Snapshots(connection).books()
        self._database.transact(lambda tx: RecentFigures(tx).store(found, now))
        if last is None or now - last.at >= _pause(last):
            self.count_books()
        return f"{len(found.slots)} times five minutes counted"

    def count_books(self) -> LastBooks:
        """Count the books now, however long it takes, and keep them. Raises `DatabaseAway`."""
        at, began = self._clock(), time.monotonic()
        with self._database.read() as connection:
            books = count_books(connection)
        found = LastBooks(books, at, round((time.monotonic() - began) * 1_000))
        self._database.transact(lambda tx: Snapshots(tx).keep_books(found))
        return found

    def last_books(self) -> LastBooks:
        """The books as last counted; counted now where nobody has yet."""
        with self._database.read() as connection:
            last = Snapshots(connection).books()
        return last or self.count_books()


def _pause(last: LastBooks) -> timedelta:
    return max(SOONEST, timedelta(milliseconds=last.ms * SHARE))


def is_stale(last: LastBooks, now: datetime) -> bool:
    """Whether nobody has counted for much longer than usual: the scheduler does not beat."""
    return now - last.at > 3 * _pause(last) + timedelta(minutes=5)
