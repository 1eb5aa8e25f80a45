"""Rebuilding: after the table of renditions was changed, ask for every version that is missing of what is stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from notifier.media.storage import Storage
from notifier.pipeline import Clock
from notifier.pipeline.uploading import wanted_of
from notifier.policy.media import KEPT_AFTER
from notifier.policy.renditions import Specs
from notifier.store.assets import Assets
from notifier.store.database import Database
from notifier.store.renditions import Renditions

CHUNK = 200  # assets of one transaction
FILES = 500  # files that one look finds


@dataclass(frozen=True, slots=True)
class Asked:
    """How many assets were looked at so far, and how many versions of them were asked for."""

    assets: int
    versions: int


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """Asks for what is missing. Workers make it; `ring` tells them that there is something to do."""

    database: Database
    specs: Specs
    clock: Clock
    ring: Callable[[str], object]

    def count(self) -> int:
        """How many assets there are to look at."""
        with self.database.read() as connection:
            return Assets(connection).count_stored()

    def rebuild(self) -> Iterator[Asked]:
        """Ask for every version that the table has and an asset has not; tells after each chunk how far it is.

        May be broken off and begun again: what was asked for is not asked for twice.
        """
        after, looked, versions = "", 0, 0
        while True:
            last, assets, asked = self.database.transact(lambda tx, after=after: self._chunk(tx, after))  # type: ignore[misc]
            if not last:
                return
            after, looked, versions = last, looked + assets, versions + asked
            self.ring(last)
            yield Asked(looked, versions)

    def left(self) -> int:
        """How many versions are still to be made."""
        with self.database.read() as connection:
            return Renditions(connection).count_unmade()

    def _chunk(self, connection: Connection, after: str) -> tuple[str, int, int]:
        assets = Assets(connection)
        some = assets.stored_after(after, CHUNK)
        now = self.clock()
        asked = sum(assets.want(one.id, wanted_of(self.specs, one.format), now) for one in some if one.format)
        return some[-1].id if some else "", len(some), asked


@dataclass(frozen=True, slots=True)
class FileDropper:
    """Deletes the files of what is gone, a while after it went."""

    database: Database
    storage: Storage
    clock: Clock

    def drop(self) -> int:
        """Delete what may go now; gives how many files. Raises `StorageAway`, and then the next one goes on."""
        gone = 0
        while files := self.database.transact(lambda tx: Assets(tx).dropped(self.clock() - KEPT_AFTER, FILES)):
            for file in files:
                self.storage.delete(file)
            self.database.transact(lambda tx, files=files: Assets(tx).deleted(files))  # type: ignore[misc]
            gone += len(files)
        return gone
