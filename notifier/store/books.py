"""The books: everything that was accepted, and where it is, of each channel by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from notifier.policy.words import State
from notifier.store import counters
from notifier.store.counters import Name
from notifier.store.models import Delivery, Event, Figure, NotificationEvent, Tally


@dataclass(frozen=True, slots=True)
class ChannelBooks:
    """One channel's books: what was planned, and where it stands. `accepted` was counted when it was planned."""

    accepted: int = 0
    delivered: int = 0
    skipped: int = 0
    failed: int = 0
    cancelled: int = 0
    waiting: int = 0

    @property
    def unaccounted(self) -> int:
        found = self.delivered + self.skipped + self.failed + self.cancelled + self.waiting
        return abs(self.accepted - found)


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was accepted, and where it is. `missing` are people of planned events who were not told."""

    accepted: int
    planned: int
    missing: int
    channels: Mapping[str, ChannelBooks]

    @property
    def unplanned(self) -> int:
        return self.accepted - self.planned

    @property
    def unaccounted(self) -> int:
        return self.missing + sum(channel.unaccounted for channel in self.channels.values())

    @property
    def balanced(self) -> bool:
        return self.unaccounted == 0

    def as_json(self) -> dict[str, Any]:
        """The shape that the API and the command line show."""
        return {
            "balanced": self.balanced,
            "unaccounted": self.unaccounted,
            "events": {"accepted": self.accepted, "planned": self.planned, "unplanned": self.unplanned},
            "channels": {name: asdict(channel) for name, channel in self.channels.items()},
        }


# Where each state stands in the books. A state that is missing here would show as unaccounted.
COLUMNS = {
    State.SENT: "delivered",
    State.BOUNCED: "delivered",
    State.SKIPPED: "skipped",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.WAITING: "waiting",
    State.QUEUED: "waiting",
    State.SENDING: "waiting",
}


def count_books(connection: Connection) -> Books:
    """Count every row, and add what was counted of those that were purged: exact, also while a purge runs."""
    accepted, planned, expected = connection.execute(
        select(func.count(), func.count(Event.planned_at), func.coalesce(func.sum(Event.plan_cursor), 0)).select_from(
            Event
        )
    ).one()
    told = connection.scalar(select(func.count()).select_from(NotificationEvent)) or 0
    gone = counters.values(connection)
    missing = int(expected) + gone[Name.PURGED_RECIPIENTS] - told - gone[Name.PURGED_TOLD]
    events = gone[Name.PURGED_EVENTS]
    return Books(accepted + events, planned + events, abs(missing), _channels(connection))


def _channels(connection: Connection) -> dict[str, ChannelBooks]:
    tallies = connection.execute(select(Tally.channel, func.sum(Tally.planned)).group_by(Tally.channel))
    columns: dict[str, dict[str, int]] = {channel: {"accepted": int(planned)} for channel, planned in tallies}
    counts = connection.execute(
        select(Delivery.channel, Delivery.state, func.count()).group_by(Delivery.channel, Delivery.state)
    )
    gone = connection.execute(
        select(Figure.channel, Figure.state, func.sum(Figure.purged))
        .where(Figure.purged > 0)
        .group_by(Figure.channel, Figure.state)
    )
    for channel, state, count in (*counts, *gone):
        column = columns.setdefault(channel, {})
        column[COLUMNS[State(state)]] = column.get(COLUMNS[State(state)], 0) + int(count)
    return {channel: ChannelBooks(**column) for channel, column in sorted(columns.items())}
