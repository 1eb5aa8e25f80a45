"""Deliveries again at an operator's word: what waits becomes due now, what failed is sent as a new delivery."""

from collections.abc import Callable

from notifier.pipeline import Clock
from notifier.pipeline.sweep import Sweeper
from notifier.store.admins import Admins
from notifier.store.database import Database
from notifier.store.log import Filter, Log
from notifier.store.operate import Operate

BATCH = 500  # deliveries in one transaction


class Again:
    """Tries deliveries again and notes who asked; the sweep sends them within a second or two."""

    def __init__(self, database: Database, sweeper: Sweeper, clock: Clock) -> None:
        self._database = database
        self._sweeper = sweeper
        self._clock = clock

    def one(self, delivery: str, *, who: str) -> str | None:
        """Try this one again; gives the id that now stands for it, None where it neither waits nor can be retried."""
        now = self._clock()
        with self._database.write() as connection:
            before = Log(connection).retried_as(delivery)
            operate, stands = Operate(connection), delivery
            if not operate.hurry(delivery, now):
                operate.retry(Filter(), BATCH, now, only=delivery)
                stands = Log(connection).retried_as(delivery) or ""
                if not stands or stands == before:
                    return None
            Admins(connection).note(who, "delivery.retry", delivery, now)
        self._sweeper.hasten([stands], [])
        return stands

    def count(self, wanted: Filter, most: int) -> int:
        """How many deliveries `all` would try again; counts no further than `most`."""
        with self._database.read() as connection:
            return Operate(connection).count(wanted, most)

    def all(self, wanted: Filter, *, who: str, told: Callable[[int], object] = int) -> int:
        """Try every failed delivery of the filter again that was not yet; gives how many.

        `told` hears how many there are so far, after each batch.
        """
        total, made = 0, BATCH
        while made == BATCH:
            made = self._batch(wanted, who)
            total += made
            told(total)
        return total

    def _batch(self, wanted: Filter, who: str) -> int:
        now = self._clock()
        with self._database.write() as connection:
            planned = Operate(connection).retry(wanted, BATCH, now)
            if planned:
                Admins(connection).note(who, "deliveries.retry", f"{len(planned)} of {wanted}", now)
        self._sweeper.hasten([delivery.id for delivery in planned], [])
        return len(planned)
