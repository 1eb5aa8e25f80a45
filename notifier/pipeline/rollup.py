"""The roll-up: the figures of each day, so that pages need not count rows, and so that rows may go."""

from dataclasses import dataclass

from notifier.store.database import Database
from notifier.store.rolling import Rolling


@dataclass(frozen=True, slots=True)
class RolledUp:
    """Which days were counted, and how many deliveries they had; `summary` for whoever keeps a record of it."""

    days: int
    deliveries: int

    @property
    def summary(self) -> str:
        """One line."""
        if not self.days:
            return "nothing has come to its end since the last roll-up"
        return f"{self.deliveries:,} deliveries of {self.days:,} {'day' if self.days == 1 else 'days'} counted"


class Roller:
    """Rolls up. Several may do so at once, and each may be killed: the figures are what one of them saw as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def roll_up(self) -> RolledUp:
        """Count each day on which something has come to its end since the last roll-up. Raises `DatabaseAway`."""
        with self._database.read() as connection:
            found = Rolling(connection).look()
        if found.upto == found.since or not self._database.transact(lambda tx: Rolling(tx).store(found)):
            return RolledUp(0, 0)
        return RolledUp(len(found.days), sum(found.counted.values()))
