"""Numbers that belong to no table: how far something has come, and how much there was of what is gone."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, select, update

from notifier.store.models import Counter
from notifier.store.sql import locked_all


class Name(StrEnum):
    """The counters that a migration made, beside that of `notifier.store.changes`."""

    ROLLED = "rolled"  # the number of the newest change that stands in the figures
    PULSED = "pulsed"  # the number of the newest change that stands in the recent figures
    BLANKED_TO = "blanked_to"  # the bodies of all events before were looked at, in ms since 1970
    PURGED_EVENTS = "purged_events"
    PURGED_RECIPIENTS = "purged_recipients"  # people for whom purged events were planned
    PURGED_TOLD = "purged_told"  # of those, people whose record of having been told was purged


def value(connection: Connection, name: str) -> int:
    """What the counter says; 0 where there is none."""
    return connection.scalar(select(Counter.value).where(Counter.name == name)) or 0


def hold(connection: Connection, name: Name) -> int:
    """What the counter says, and nobody else moves it before the commit."""
    return connection.scalar(locked_all(connection, select(Counter.value).where(Counter.name == name))) or 0


def values(connection: Connection) -> Mapping[str, int]:
    """What all counters say."""
    return {row.name: row.value for row in connection.execute(select(Counter.name, Counter.value))}


def add(connection: Connection, name: Name, number: int) -> None:
    """Count so many more."""
    if number:
        connection.execute(update(Counter).where(Counter.name == name).values(value=Counter.value + number))


def advance(connection: Connection, name: Name, to: int) -> bool:
    """Let the counter stand at that number where it is larger; whether it was."""
    smaller = Counter.name == name, Counter.value < to
    return connection.execute(update(Counter).where(*smaller).values(value=to)).rowcount == 1
