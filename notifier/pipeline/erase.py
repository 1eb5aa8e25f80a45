"""Erasing a person everywhere, in many short transactions; one that was broken off is simply begun again."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.tickets import chunks
from notifier.policy.catalogue import Catalogue
from notifier.policy.erasing import Erasure
from notifier.store.database import Database
from notifier.store.erasing import SOME, Erasing, Window

T = TypeVar("T")

PATIENCE = 10.0  # seconds; whoever takes longer over a message has most likely died
PAUSE = 0.1


class Eraser:
    """Erases people. Each step leaves less of them, and the first one makes that nobody comes upon them anew."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock

    def erase(self, person: str, *, who: str, told: Callable[[int], object] = int) -> str:
        """Erase the person; gives the name that stands for them from now on, which leads nowhere.

        `told` hears in how many events they were found so far. Raises `DatabaseAway`: then call it again.
        """
        erasure = Erasure(person, f"erased_{uuid.uuid4().hex}")
        self._in_one(erasure, Erasing.forget)
        self._until_nothing(erasure, Erasing.cancel_some)
        # Before the events: a plan that is under way must not come upon them among the followers again.
        self._until_nothing(erasure, Erasing.forget_some_relations)
        self._until_nothing(erasure, Erasing.forget_some_media)
        self._rewrite_events(erasure, told)
        self._until_nothing(erasure, Erasing.forget_some_changes)
        for some in chunks(self._looked(erasure, Erasing.changes_naming), SOME):
            self._in_one(erasure, lambda erasing, some=some: erasing.rename_changes(some))  # type: ignore[misc]
        # Whatever was planned of the events before they were rewritten.
        self._until_nothing(erasure, Erasing.cancel_some)
        self._let_senders_finish(erasure)
        while notifications := self._looked(erasure, Erasing.some_notifications):
            self._rename(erasure, notifications)
        self._until_nothing(erasure, Erasing.rename_some_digests)
        self._until_nothing(erasure, Erasing.forget_some_relations)
        self._in_one(erasure, lambda erasing: erasing.end(who))
        return erasure.name

    def _rewrite_events(self, erasure: Erasure, told: Callable[[int], object]) -> None:
        def erased(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
            return erasure.erased(data, self._catalogue.find(type_))

        rewritten = 0
        for window in self._windows(erasure):
            for some in chunks(window.events, SOME):
                self._in_one(erasure, lambda erasing, some=some: erasing.rewrite(some, erased))  # type: ignore[misc]
            rewritten += len(window.events)
            told(rewritten)

    def _windows(self, erasure: Erasure) -> Iterator[Window]:
        after = ""
        while window := self._looked(erasure, lambda erasing, after=after: erasing.window(after)):  # type: ignore[misc]
            yield window
            after = window.looked_to

    def _let_senders_finish(self, erasure: Erasure) -> None:
        """What a provider says at this moment may name the address; it is recorded before it is forgotten."""
        until = time.monotonic() + PATIENCE
        while self._looked(erasure, Erasing.is_being_told) and time.monotonic() < until:
            time.sleep(PAUSE)

    def _rename(self, erasure: Erasure, notifications: Sequence[str]) -> None:
        self._until_nothing(erasure, lambda erasing: erasing.rename_some_told(notifications))
        self._until_nothing(erasure, lambda erasing: erasing.rename_some_deliveries(notifications))
        self._in_one(erasure, lambda erasing: erasing.end_notifications(notifications))

    def _until_nothing(self, erasure: Erasure, step: Callable[[Erasing], int]) -> None:
        while self._in_one(erasure, step):
            pass

    def _in_one(self, erasure: Erasure, step: Callable[[Erasing], T]) -> T:
        return self._database.transact(lambda tx: step(self._erasing(tx, erasure)))

    def _looked(self, erasure: Erasure, look: Callable[[Erasing], T]) -> T:
        with self._database.read() as connection:
            return look(self._erasing(connection, erasure))

    def _erasing(self, connection: Connection, erasure: Erasure) -> Erasing:
        now: datetime = self._clock()
        return Erasing(connection, erasure, now)
