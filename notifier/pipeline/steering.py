"""Steering: people and admins look at the digests that wait, and send, skip or move them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.digests import DigestBuilder
from notifier.policy.calendar import Slot
from notifier.policy.steering import Which
from notifier.store.admins import Admins
from notifier.store.building import Building, Unbuilt
from notifier.store.database import Database
from notifier.store.digests import Digests

T = TypeVar("T")


class Steering:
    """Acts on open digests of one person, each act in one transaction. `who` is an app, an admin or "person"."""

    def __init__(self, database: Database, builder: DigestBuilder, clock: Clock) -> None:
        self._database = database
        self._builder = builder
        self._clock = clock

    def send(self, user: str, which: Which, *, who: str) -> list[str]:
        """Build these now, not at their hour, which stays free for what comes; gives their messages' deliveries.

        The sweep sends them within a second or two.
        """

        def act(connection: Connection, digests: Sequence[Unbuilt], now: datetime) -> list[str]:
            for digest in digests:
                Building(connection).free(digest, now)
            meant = [replace(digest, at=now) for digest in digests]
            return [one.id for one in self._builder.make(connection, meant, now, at_once=True)]

        return self._act(user, which, act, who, "digest.send")

    def skip(self, user: str, which: Which, *, who: str) -> list[int]:
        """Let these not come; gives for each how much it would have told, which is told nowhere else."""
        return self._act(
            user,
            which,
            lambda tx, digests, now: [Building(tx).skip(digest, now) for digest in digests],
            who,
            "digest.skip",
        )

    def move(self, user: str, which: Which, at: datetime, *, who: str) -> list[str]:
        """Let these come at that moment, this once; gives their ids."""

        def act(connection: Connection, digests: Sequence[Unbuilt], _now: datetime) -> list[str]:
            for digest in digests:
                slot = Slot(digest.cadence, digest.period, at, digest.id)
                Digests(connection).move(user, digest.channel, slot)
            return [digest.id for digest in digests]

        return self._act(user, which, act, who, "digest.move")

    def _act(
        self,
        user: str,
        which: Which,
        act: Callable[[Connection, Sequence[Unbuilt], datetime], list[T]],
        who: str,
        action: str,
    ) -> list[T]:
        def work(connection: Connection) -> list[T]:
            now = self._clock()
            opened = Building(connection).open(user)
            digests = [one for one in opened if which.means(one.channel, one.cadence, id=one.id)]
            if not digests:
                return []
            done = act(connection, digests, now)
            named = ", ".join(f"{digest.channel} {digest.cadence}" for digest in digests)
            Admins(connection).note(who, action, f"{user!r} {named}", now)
            return done

        return self._database.transact(work)
