"""Rendering: fetch what was posted by its address, make every version that is missing, record each as it is done."""

import errno
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection

from notifier.media.children import Stopped
from notifier.media.fetching import Fetcher
from notifier.media.making import Maker, Source
from notifier.media.storage import Storage, StorageAway, name_of, tidy, workplace
from notifier.media.told import Going, LeftOut, Seen, Told, Written
from notifier.pipeline import Clock
from notifier.pipeline.settling import Settling
from notifier.pipeline.tickets import MEDIA
from notifier.pipeline.uploading import take_in, wanted_of
from notifier.policy.media import SUFFIXES, AssetState, Cause, Refused
from notifier.policy.renditions import Spec, Specs
from notifier.store.assets import AssetEntry, Assets
from notifier.store.database import Database
from notifier.store.pausing import Pauses
from notifier.store.renditions import ANY_DUE, Made, RenditionEntry, Renditions
from notifier.store.types import new_id

log = logging.getLogger(__name__)

AT_ONCE = 8  # assets that one look finds
FORGOTTEN = 3_600.0  # seconds after which a workplace that nobody touches is a dead one's
PROGRESS = 1.0  # seconds between two notes of how far it is


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What rendering must know. `processes` is how many children work at once."""

    specs: Specs
    lease: timedelta
    worker: str
    processes: int = 1


@dataclass(slots=True)
class Hold:
    """What this worker alone may do now: the versions that are left of one asset or, without any, its fetching."""

    asset: AssetEntry
    token: str
    versions: dict[str, RenditionEntry] = field(default_factory=dict)  # by spec
    kept_at: float = field(default_factory=time.monotonic)


class LostHold(Exception):
    """The lease ran out before it was renewed, and somebody else does it by now."""


class Renderer:
    """Makes renditions. Set `stopping` and it kills its children, gives back what they were at, and returns."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        fetcher: Fetcher,
        maker: Maker,
        settings: RenderSettings,
        clock: Clock,
        settling: Settling,
    ) -> None:
        self._database = database
        self._storage = storage
        self._fetcher = fetcher
        self._maker = maker
        self._settings = settings
        self._clock = clock
        self._settling = settling
        self._slots = threading.Semaphore(settings.processes)
        self.stopping = threading.Event()

    def render(self, ids: Sequence[str]) -> int:
        """Do what is due of these assets, then of all others until nothing is; gives of how many.

        Returns at once where as many children work as may: whoever waits for them goes on with these as well.
        """
        if not self._slots.acquire(blocking=False):
            return 0
        try:
            tidy(self._storage, time.time() - FORGOTTEN)
            done, waiting = 0, list(ids)
            while not self.stopping.is_set() and (waiting := waiting or self.due()):
                done += self._advance(waiting.pop(0))
            return done
        finally:
            self._slots.release()

    def due(self) -> list[str]:
        """Some assets of which something is due, those that wait longest first; none while the queue is paused."""
        now = self._clock()
        if not any(self._database.ask(query, now) for query in ANY_DUE):
            return []
        with self._database.read() as connection:
            if Pauses(connection).stands(MEDIA)[0]:
                return []
            return Renditions(connection).due(now, AT_ONCE)

    def _advance(self, id: str) -> bool:
        """Do what is due of one asset; whether that was anything."""
        hold = self._settling.settle(id, lambda tx: self._claim(tx, id))
        if hold is None:
            return False
        try:
            with workplace(self._storage, id) as folder:
                self._work(hold, folder)
        except Stopped:
            self._give_back(hold)
        except LostHold:
            log.warning("asset %s took longer than its lease, and another worker has it now", id)
        except Refused as why:
            self._fail(hold, why)
        except StorageAway as error:
            self._fail(hold, Refused(Cause.NOT_STORED, f"{error}."))
        except OSError as error:  # no place to work: a full disk, most often
            cause = Cause.NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else Cause.NOT_STORED
            self._fail(hold, Refused(cause, f"{error.strerror or type(error).__name__}."))
        return True

    def _claim(self, connection: Connection, id: str) -> Hold | None:
        now, token, lease = self._clock(), new_id("clm"), self._settings.lease
        if Pauses(connection).stands(MEDIA)[0]:
            return None
        assets = Assets(connection)
        if fetching := assets.claim(id, token, now=now, lease=lease):
            return Hold(fetching, token)
        asset = assets.find(id)
        if asset is None or asset.state is not AssetState.STORED:
            return None
        versions = Renditions(connection).claim(id, token, now=now, lease=lease, worker=self._settings.worker)
        return Hold(asset, token, {one.spec: one for one in versions}) if versions else None

    def _work(self, hold: Hold, folder: Path) -> None:
        if not hold.versions:
            self._fetch(hold, folder)
            return
        asset, specs = hold.asset, self._known(hold)
        if not specs or asset.format is None:
            return
        path = folder / "source"
        try:
            self._storage.fetch(asset.file, path)
        except FileNotFoundError:
            raise Refused(Cause.LOST) from None
        for told in self._maker.make(Source(path, asset.format, folder), specs, self.stopping):
            self._hear(hold, told, folder)

    def _fetch(self, hold: Hold, folder: Path) -> None:
        asset, path = hold.asset, folder / "source"
        got = self._fetcher.fetch(asset.url, path, lambda: self._fetching(hold))
        new = take_in(self._storage, path, self._maker.limits, called=got.called, before=self._doubt)

        def store(connection: Connection) -> None:
            now, assets = self._clock(), Assets(connection)
            if assets.stored(asset.id, hold.token, new, now):
                assets.want(asset.id, wanted_of(self._settings.specs, new.format), now)

        self._settling.settle(asset.id, store)

    def _fetching(self, hold: Hold) -> None:
        if self.stopping.is_set():
            raise Stopped
        self._keep(hold)

    def _known(self, hold: Hold) -> list[Spec]:
        """The specs of what is held; a version of a table that was changed since is not made any more."""
        specs = []
        for name, one in list(hold.versions.items()):
            spec = self._settings.specs.find(name)
            if spec and spec.version == one.version:
                specs.append(spec)
            else:
                self._skip(hold, name, Refused(Cause.NOT_IN_TABLE))
        return specs

    def _hear(self, hold: Hold, told: Told, folder: Path) -> None:
        match told:
            case Written():
                self._store(hold, told, folder / told.spec)
            case LeftOut():
                self._skip(hold, told.spec, Refused(told.cause))
            case Seen():
                facts = {"width": told.width, "height": told.height, "blurhash": told.blurhash, "ms": told.ms}
                known = {name: value for name, value in facts.items() if value}
                self._database.transact(lambda tx: Assets(tx).describe(hold.asset.id, **known))
            case Going():
                self._keep(hold, told.percent)

    def _store(self, hold: Hold, written: Written, path: Path) -> None:
        """First the file, then the row: who is killed between them makes the same file again, or nobody does."""
        one = hold.versions[written.spec]
        octets, name = path.stat().st_size, name_of(path, SUFFIXES[one.format])
        self._doubt(name)
        self._storage.put(name, path)
        made = Made(one.id, name, octets, written.width, written.height)
        self._record(hold, lambda tx: Renditions(tx).done(made, hold.token, self._clock()))
        del hold.versions[written.spec]

    def _doubt(self, file: str) -> None:
        self._database.transact(lambda tx: Assets(tx).doubt(file, self._clock()))

    def _skip(self, hold: Hold, spec: str, why: Refused) -> None:
        one = hold.versions[spec]
        self._record(hold, lambda tx: Renditions(tx).skip(one.id, hold.token, why, self._clock()))
        del hold.versions[spec]

    def _keep(self, hold: Hold, percent: int | None = None) -> None:
        """Hold it for longer, and note how far it is, no more often than needs be."""
        if hold.asset.state is AssetState.STORED and not hold.versions:
            return  # all of it is recorded, and the child is about to end
        since, lease = time.monotonic() - hold.kept_at, self._settings.lease
        if since < (lease.total_seconds() / 3 if percent is None else PROGRESS):
            return

        def keep(connection: Connection) -> bool:
            until = self._clock() + lease
            if hold.versions:
                return Renditions(connection).keep(hold.token, until, percent)
            return Assets(connection).keep(hold.asset.id, hold.token, until)

        if not self._database.transact(keep):
            raise LostHold
        hold.kept_at = time.monotonic()

    def _record(self, hold: Hold, work: Callable[[Connection], bool]) -> None:
        if not self._settling.settle(hold.asset.id, work):
            raise LostHold

    def _fail(self, hold: Hold, why: Refused) -> None:
        """What is left of it could not be made."""
        log.info("asset %s: %s", hold.asset.id, why.sentence)

        def fail(connection: Connection) -> None:
            now, renditions = self._clock(), Renditions(connection)
            for one in hold.versions.values():
                renditions.fail(one, hold.token, why, now)
            if not hold.versions and hold.asset.state is AssetState.WAITING:
                Assets(connection).fail(hold.asset, hold.token, why, now)

        self._settling.settle(hold.asset.id, fail)

    def _give_back(self, hold: Hold) -> None:
        def give_back(connection: Connection) -> None:
            now = self._clock()
            Renditions(connection).give_back(hold.token, now)
            Assets(connection).give_back(hold.asset.id, hold.token, now)

        self._database.transact(give_back)
