"""Backtesting: replay the events of the last days under a changed catalogue, and send nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.deciding import PlanSettings
from notifier.policy.backtest import ASSUMED, Channel, Comparison, Concerned, Missed, Result
from notifier.policy.calendar import rfc3339
from notifier.policy.catalogue import Catalogue
from notifier.policy.changing import Change, changed
from notifier.policy.decide import Recipient
from notifier.policy.waiting import Past
from notifier.store.database import Database
from notifier.store.facts import Asked, Facts
from notifier.store.past import PastEvents

MOST = 200_000  # recipients of events, each counted for each of its events
LARGEST = 1_000  # followers of one post, or all people
CHUNK = 200  # events read at a time
PEOPLE = 500  # whose facts are read at a time, or those of one event


@dataclass(frozen=True, slots=True)
class Report:
    """The comparison of one stretch of time. It is `truncated` where it begins later than it was asked to."""

    begin: datetime
    end: datetime
    truncated: bool
    result: Result

    def as_json(self) -> dict[str, Any]:
        """As the API and the command line answer."""
        return {
            "from": rfc3339(self.begin),
            "until": rfc3339(self.end),
            "truncated": self.truncated,
            "events": self.result.events,
            "recipients": self.result.pairs,
            "channels": {name: _channel(channel) for name, channel in self.result.channels.items()},
            "missed": [_missed(one) for one in self.result.missed],
            "missed_count": self.result.missed_count,
            "assumes": list(ASSUMED),
        }


class Backtest:
    """Replays what is stored. `most` bounds how many recipients it looks at."""

    def __init__(
        self, database: Database, catalogue: Catalogue, settings: PlanSettings, clock: Clock, *, most: int = MOST
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        self._most = most

    def run(self, change: Change, days: float, app: str = "") -> Report:
        """Compare the last days under the catalogue as it is and with the change. Raises `WrongChange`."""
        comparison = Comparison(self._catalogue, changed(self._catalogue, change), self._settings.gather_scale)
        end = self._clock()
        begin = end - timedelta(days=days)
        with self._database.read() as connection:
            start, truncated = PastEvents(connection, app).start(begin, end, self._most, largest=LARGEST)
        first = None
        for past in self._replayed(comparison, start, end, app):
            first = first or past.event.accepted_at
            if comparison.pairs >= self._most:
                truncated, end = True, past.event.accepted_at
                break
        begin = first if truncated and first else begin
        return Report(begin, end, truncated, comparison.result())

    def _replayed(self, comparison: Comparison, start: str, end: datetime, app: str) -> Iterator[Past]:
        """Replay event after event, in short transactions: a long one would hold up the database's housekeeping."""
        more = True
        while more:
            with self._database.read() as connection:
                chunk = PastEvents(connection, app).events(start, end, CHUNK + 1)
                for group in self._groups(connection, comparison, chunk[:CHUNK]):
                    recipients = self._recipients(connection, group)
                    for one in group:
                        comparison.hear(one, {user: recipients[user, _name(one)] for user in one.everybody})
                        yield one.past
            more = len(chunk) > CHUNK
            start = chunk[-1].event.id if chunk else start

    def _groups(
        self, connection: Connection, comparison: Comparison, chunk: Sequence[Past]
    ) -> Iterator[list[Concerned]]:
        """Events with those whom they concern, as many as concern so many people together."""
        facts, group, people = Facts(connection), list[Concerned](), 0
        for past in chunk:
            one = comparison.concerned(
                past, lambda whom: facts.followers(whom, "", LARGEST) if whom else facts.everyone(LARGEST)
            )
            group.append(one)
            people += len(one.everybody)
            if people >= PEOPLE:
                yield group
                group, people = [], 0
        yield group

    def _recipients(self, connection: Connection, group: Sequence[Concerned]) -> Mapping[tuple[str, str], Recipient]:
        """Everybody of the group as they are today. Their caps are only their own: each catalogue adds its.

        A pause of today says nothing about the past.
        """
        users = {user for one in group for user in one.everybody}
        events = [(one.past.event, kind) for one in group if (kind := one.kind_before or one.kind_after)]
        asked = Asked(events, users, self._settings.standing, caps={}, messages=False)
        found = Facts(connection).recipients(asked, self._clock()) if users else {}
        return {key: _unpaused(one) if one.rhythm.paused_until else one for key, one in found.items()}


def _unpaused(one: Recipient) -> Recipient:
    return replace(one, rhythm=replace(one.rhythm, paused_until=None))


def _name(one: Concerned) -> str:
    kind = one.kind_before or one.kind_after
    return kind.name if kind else ""


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "before": channel.before,
        "after": channel.after,
        "difference": channel.difference,
        "percent": channel.percent,
        "digests": {"before": channel.digests_before, "after": channel.digests_after},
        "later": dict(channel.later),
    }


def _missed(one: Missed) -> dict[str, Any]:
    instead = one.instead
    return {
        "event": one.event,
        "type": one.type,
        "user": one.user,
        "channel": one.channel,
        "instead": {
            "state": instead.state if instead else None,
            "reason": instead.reason if instead else None,
            "rule": instead.rule if instead else "recipients",
            "value": instead.value if instead else "",
            "due_at": rfc3339(instead.at) if instead and instead.at else None,
        },
    }
