"""Where renditions are made in tests: a real database, a folder, a clock to set, and workers that may die."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from notifier.app.home import RENDITIONS
from notifier.media.fetching import Fetcher
from notifier.media.making import Maker, Source
from notifier.media.storage import Folder, Storage
from notifier.media.told import Told, Written
from notifier.pipeline.rendering import Renderer, RenderSettings
from notifier.pipeline.settling import Settling
from notifier.pipeline.uploading import Uploading
from notifier.policy.endpoints import Rules
from notifier.policy.media import Limits, RenditionState
from notifier.policy.pictures import PATIENCE
from notifier.policy.renditions import Spec, Specs, read_specs
from notifier.store.assets import AssetEntry, Assets
from notifier.store.database import Database
from notifier.store.planning import Planned
from notifier.store.renditions import RenditionEntry, Renditions

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SPECS = read_specs(RENDITIONS.read_text())
APP = "app_0193a5e0c0de7000800000000000cafe"


@dataclass
class Studio:
    """One storage and one database, and as many workers as one likes."""

    database: Database
    folder: Path
    specs: Specs = SPECS
    limits: Limits = field(default_factory=Limits)
    now: datetime = START

    def __post_init__(self) -> None:
        self.storage: Storage = Folder(self.folder)
        self.rung: list[str] = []
        self.rung_for: list[Planned] = []

    def clock(self) -> datetime:
        return self.now

    @property
    def uploading(self) -> Uploading:
        taking = self.database, self.storage, self.specs, self.limits, self.clock
        return Uploading(*taking, self.rung.append, self.settling)

    @property
    def settling(self) -> Settling:
        return Settling(self.database, PATIENCE, self.clock, self.rung_for.extend)

    def worker(self, *, storage: Storage | None = None, maker: Maker | None = None, **settings: Any) -> Renderer:
        """One more worker."""
        made = maker or Maker(self.specs.specs, self.limits)
        fetcher = Fetcher(Rules(allow_loopback=True), self.limits)
        chosen = RenderSettings(self.specs, LEASE, "w", **settings)
        return Renderer(self.database, storage or self.storage, fetcher, made, chosen, self.clock, self.settling)

    def upload(self, octets: bytes, called: str = "") -> str:
        """The id of what was uploaded."""
        self.storage.work.mkdir(parents=True, exist_ok=True)
        path = self.storage.work / "sent"
        path.write_bytes(octets)
        return self.uploading.upload(APP, path, called=called)

    def asset(self, id: str) -> AssetEntry:
        with self.database.read() as connection:
            found = Assets(connection).find(id)
        assert found
        return found

    def renditions(self, id: str) -> dict[str, RenditionEntry]:
        """Every version of it, by spec."""
        with self.database.read() as connection:
            return {one.spec: one for one in Renditions(connection).of([id]).get(id, [])}

    def in_state(self, id: str, state: RenditionState) -> set[str]:
        return {spec for spec, one in self.renditions(id).items() if one.state == state}

    def files(self) -> set[str]:
        """What lies in the storage, whole or not."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()}

    def wait(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


class DyingStorage(Folder):
    """A folder whose user is killed when it puts its second rendition: `before`, or `after` it is there."""

    def __init__(self, root: Path, when: str) -> None:
        super().__init__(root)
        self._when = when
        self._put = 0

    def put(self, name: str, path: Path) -> None:
        self._put += 1
        if self._put == 2 and self._when == "before the file":
            die()
        super().put(name, path)
        if self._put == 2 and self._when == "before the row":
            die()


@dataclass(frozen=True)
class DyingMaker(Maker):
    """Its user is killed while a child works: at the first look, or once the second version is written."""

    when: str = ""

    def make(self, source: Source, wanted: Sequence[Spec], stopping: threading.Event) -> Iterator[Told]:
        if self.when == "before the child":
            die()
        written = 0
        for told in super().make(source, wanted, stopping):
            if self.when == "at work":
                die()
            yield told
            written += isinstance(told, Written)
            if written == 2 and self.when == "after the row":
                die()


STAGES = ("before the child", "at work", "before the file", "before the row", "after the row")


def die() -> None:
    """As `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def work_and_die(url: str, folder: str, asset: str, stage: str) -> None:
    """What a worker does that is killed at that stage."""
    studio = Studio(Database(url), Path(folder))
    maker = DyingMaker(studio.specs.specs, studio.limits, when=stage)
    studio.worker(storage=DyingStorage(studio.folder, stage), maker=maker).render([asset])


def held(connection: Connection, asset: str) -> list[RenditionEntry]:
    """What a worker claims that never comes back."""
    return Renditions(connection).claim(asset, "clm_" + "0" * 32, now=START, lease=LEASE)


if __name__ == "__main__":
    work_and_die(*sys.argv[1:])
