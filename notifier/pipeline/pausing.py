"""Pausing a queue at an admin's word: what is in it waits in the database, and goes out when the queue goes on."""

import time
from contextlib import suppress

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.store.admins import Admins
from notifier.store.database import Database, DatabaseAway
from notifier.store.pausing import Pause, Pauses

REMEMBERED = 1.0  # seconds; a chunk under way stops at most this much later


class Pausing:
    """Pauses queues and lets them go on; both are on record. Every process sees it with its next claim or sweep."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def pause(self, queue: str, why: str, *, who: str) -> bool:
        """Let everything in the queue wait; False where it was paused already. Raises `DatabaseAway`."""
        pause = Pause(queue, self._clock(), who, why)
        return self._database.transact(
            lambda tx: Pauses(tx).pause(pause) and self._noted(tx, who, "queue.pause", f"{queue}: {why}")
        )

    def resume(self, queue: str, *, who: str) -> bool:
        """Let the queue go on: the next sweep rings for what it held. False where it was not paused."""
        return self._database.transact(
            lambda tx: Pauses(tx).resume(queue) and self._noted(tx, who, "queue.resume", queue)
        )

    def _noted(self, connection: Connection, who: str, action: str, subject: str) -> bool:
        Admins(connection).note(who, action, subject, self._clock())
        return True


class Watch:
    """Which queues are paused, asked at most once a second. Safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked_at = 0.0
        self._paused: frozenset[str] = frozenset()

    def is_paused(self, queue: str) -> bool:
        """Whether the queue is paused; while the database is away the last answer holds."""
        if time.monotonic() - self._asked_at > REMEMBERED:
            self._asked_at = time.monotonic()
            with suppress(DatabaseAway), self._database.read() as connection:
                self._paused = frozenset(Pauses(connection).all())
        return queue in self._paused
