"""Taking media in: octets are looked at, kept under what they are, and asked to be made versions of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from notifier.media.headers import check_header
from notifier.media.storage import Storage, name_of
from notifier.pipeline import Clock
from notifier.pipeline.settling import Settling
from notifier.policy.media import Format, Limits, Media
from notifier.policy.renditions import Spec, Specs
from notifier.store.assets import Assets, NewFile
from notifier.store.database import Database

MOVING = (Format.GIF, Format.WEBP)


def take_in(storage: Storage, path: Path, limits: Limits, *, called: str, before: Callable[[str], object]) -> NewFile:
    """Look at a file of the work folder and keep it; `called` is the type that its sender gave it.

    `before` hears its name before it is put. Raises `Refused` and `StorageAway`.
    """
    octets = path.stat().st_size
    with path.open("rb") as file:
        header = check_header(file, octets, limits, called=called)
    name = name_of(path)
    before(name)
    storage.put(name, path)
    return NewFile(name, octets, header.format, header.width, header.height)


def wanted_of(specs: Specs, format: Format) -> list[Spec]:
    """The versions to make of something in this format; of what is too small for one, that is found out later."""
    return [spec for spec in specs.of(format.media) if format.media is Media.VIDEO or _may_be(spec, format)]


def _may_be(spec: Spec, format: Format) -> bool:
    return spec.format != "mp4" or format in MOVING


@dataclass(frozen=True, slots=True)
class Uploading:
    """Takes in what apps upload or name. `ring` asks the workers to begin with these assets."""

    database: Database
    storage: Storage
    specs: Specs
    limits: Limits
    clock: Clock
    ring: Callable[[str], object]
    settling: Settling

    def upload(self, app: str, path: Path, *, called: str = "") -> str:
        """Take in a file of the work folder; gives the asset's id.

        Raises `Refused`, `StorageAway` and `DatabaseAway`.
        """
        new = take_in(self.storage, path, self.limits, called=called, before=self._doubt)
        wanted = wanted_of(self.specs, new.format)
        asset = self.database.transact(lambda tx: Assets(tx).add(app, new, wanted, self.clock()))
        self.ring(asset)
        return asset

    def name(self, app: str, url: str) -> str:
        """Take in an address that was checked, to be fetched by a worker; gives the asset's id."""
        asset = self.database.transact(lambda tx: Assets(tx).add_url(app, url, self.clock()))
        self.ring(asset)
        return asset

    def _doubt(self, file: str) -> None:
        self.database.transact(lambda tx: Assets(tx).doubt(file, self.clock()))

    def retry(self, asset: str) -> int:
        """Try again whatever failed of it; gives how many parts."""
        parts = self.database.transact(lambda tx: Assets(tx).retry(asset, self.clock()))
        if parts:
            self.ring(asset)
        return parts

    def remove(self, asset: str) -> None:
        """Forget it and every version of it; messages that wait for it go without."""
        self.settling.remove(asset)
