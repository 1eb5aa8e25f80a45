"""Back-pressure: how many events wait for their plan, asked at most once a second."""

import time

from flask import current_app

from notifier.store.database import Database
from notifier.store.log import Log
from notifier.web.problems import Problem


class Gauge:
    """Full when more events wait than can be taken in."""

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._most = most
        self._asked_at = 0.0
        self._full = False

    @property
    def full(self) -> bool:
        """Whether more than `most` events wait, as of a second ago at the latest."""
        now = time.monotonic()
        if now - self._asked_at >= 1:
            self._asked_at = now
            with self._database.read() as connection:
                self._full = Log(connection).unplanned_at_least(self._most)
        return self._full


def refuse_when_full() -> None:
    """Raise the problem that too many events wait, where they do."""
    gauge: Gauge = current_app.extensions["gauge"]
    if gauge.full:
        raise Problem(
            429, "too-many", "More events wait for their plan than can be taken in; try again.", retry_after=5
        )
