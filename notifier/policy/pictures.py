"""The picture of a post as a message shows it: whether it is there yet, and which version of it fits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from notifier.policy.media import UNMADE, AssetState, Media, RenditionState

_FILMS = frozenset((".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv"))


class Standing(StrEnum):
    """Where an asset stands as a whole."""

    WAITING = "waiting"  # to be fetched
    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"  # refused, or some version of it was not made


@dataclass(frozen=True, slots=True)
class Version:
    """One version of it that is there. `file` is its name; sizes are pixels."""

    spec: str
    format: str
    file: str
    width: int
    height: int
    octets: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What a post shows first, of a video its poster too. `alt` is for whoever cannot see it.

    `seems` is what it is, as far as its address tells, until it is fetched.
    """

    asset: str
    media: Media | None  # None: not fetched yet
    standing: Standing
    versions: tuple[Version, ...] = ()
    alt: str = ""
    blurhash: str = ""
    seems: Media = Media.IMAGE

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to wait for any more: what is there now is all that there will be."""
        return self.standing in (Standing.READY, Standing.FAILED)

    def fitting(
        self, width: int, *, most_octets: int | None = None, formats: Collection[str] = ("jpeg",), square: bool = False
    ) -> Version | None:
        """The version to show so many pixels wide: the smallest that is as wide, else the widest; None without any.

        Squares only where one is asked for, and then nothing else.
        """
        fits = [
            one
            for one in self.versions
            if one.format in formats
            and (most_octets is None or one.octets <= most_octets)
            and one.spec.startswith("square") is square
        ]
        wide = [one for one in fits if one.width >= width]
        if wide:
            return min(wide, key=lambda one: one.width)
        return max(fits, key=lambda one: one.width, default=None)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long messages wait for the picture or the video of their post, from when its event was accepted."""

    image: timedelta = timedelta(seconds=30)
    video: timedelta = timedelta(minutes=5)

    def until(self, picture: Picture, accepted_at: datetime) -> datetime:
        """When to go without the picture, or with what is there of it. Aware UTC, as `accepted_at` is."""
        is_video = (picture.media or picture.seems) is Media.VIDEO
        return accepted_at + (self.video if is_video else self.image)

    def moments(self, accepted_at: datetime) -> frozenset[datetime]:
        """Every moment until which something may wait for what an event shows, whatever that proves to be."""
        return frozenset((accepted_at + self.image, accepted_at + self.video))

    @property
    def longest(self) -> timedelta:
        return max(self.image, self.video)


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A picture that is not there yet, and until when it is waited for. One without an `asset` is not stored yet."""

    asset: str
    until: datetime

    @property
    def words(self) -> str:
        """As a delivery's value says it: "ast_… until 10:00:30 UTC"."""
        return f"{self.asset or 'its picture'} until {self.until:%H:%M:%S} UTC"


def awaited(picture: Picture | None, accepted_at: datetime, patience: Patience) -> Awaited | None:
    """What the messages of an event wait for; None where there is nothing to wait for, however long."""
    if picture is None or picture.is_settled:
        return None
    return Awaited(picture.asset, patience.until(picture, accepted_at))


def asset_in(value: str) -> str:
    """The asset that a delivery's value says it waited for (see `Awaited.words`); empty where it says none."""
    asset = value.partition(" ")[0]
    return asset if asset.startswith("ast_") else ""


def seeming(url: str) -> Media:
    """What there seems to be at an address, by how it ends: a picture, unless it says that it is a film."""
    return Media.VIDEO if PurePosixPath(urlsplit(url).path).suffix.lower() in _FILMS else Media.IMAGE


def standing_of(asset: AssetState, renditions: Collection[RenditionState]) -> Standing:
    """Where the asset stands, by its own state and those of its versions."""
    if asset is AssetState.REFUSED:
        return Standing.FAILED
    if asset is AssetState.WAITING:
        return Standing.WAITING
    if any(one in UNMADE for one in renditions):
        return Standing.RENDERING
    return Standing.FAILED if RenditionState.FAILED in renditions else Standing.READY
