"""Settling: what happens to a picture is recorded, and what waited for it alone goes out with the same commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.tickets import chunks
from notifier.policy.pictures import Patience
from notifier.store.assets import Assets
from notifier.store.awaiting import TOGETHER, Awaiting
from notifier.store.database import Database
from notifier.store.planning import Planned

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settling:
    """Changes assets, and lets go what waits for them. `ring` is called with the deliveries that were let go.

    Of very many only the first thousand in the same transaction: the others in some of their own, or when their time is
    over.
    """

    database: Database
    patience: Patience
    clock: Clock
    ring: Callable[[Sequence[Planned]], object]

    def settle(self, asset: str, work: Callable[[Connection], T]) -> T:
        """Do it, and let go what waits for the asset, where this was the last of it."""

        def settle(awaiting: Awaiting, connection: Connection) -> tuple[T, list[datetime]]:
            done = work(connection)
            return done, awaiting.moments(asset, self.clock()) if awaiting.settled([asset]) else []

        return self._settle(asset, settle)

    def remove(self, asset: str) -> int:
        """Forget an asset: what waits for it has nothing to wait for. Gives how many there were of it, one or none."""

        def remove(awaiting: Awaiting, connection: Connection) -> tuple[int, list[datetime]]:
            awaiting.settled([asset])  # nobody else begins to wait for it
            now = self.clock()
            moments = awaiting.moments(asset, now)  # before it is forgotten who shows it
            return Assets(connection).drop([asset], now), moments

        return self._settle(asset, remove)

    def _settle(self, asset: str, work: Callable[[Awaiting, Connection], tuple[T, list[datetime]]]) -> T:
        def first(connection: Connection) -> tuple[T, list[datetime], list[str], list[Planned]]:
            awaiting = Awaiting(connection, self.patience)
            done, moments = work(awaiting, connection)
            found = awaiting.over(asset, moments)
            return done, moments, found, awaiting.let_go(found[:TOGETHER], self.clock())

        done, moments, found, ready = self.database.transact(first)
        self.ring(ready)
        rest = found[TOGETHER:]
        while rest:
            gone = sum(self._let_go(some) for some in chunks(rest, TOGETHER))
            rest = self._over(asset, moments) if gone else []
        return done

    def _over(self, asset: str, moments: Sequence[datetime]) -> list[str]:
        return self.database.transact(lambda tx: Awaiting(tx, self.patience).over(asset, moments))

    def _let_go(self, ids: Sequence[str]) -> int:
        ready = self.database.transact(lambda tx: Awaiting(tx, self.patience).let_go(ids, self.clock()))
        self.ring(ready)
        return len(ready)
