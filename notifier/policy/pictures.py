"""The picture of a post as a message shows it: whether it is there yet, and which version of it fits."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from notifier.policy.media import UNMADE, AssetState, Media, RenditionState


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
    """What a post shows first, of a video its poster too. `alt` is for whoever cannot see it."""

    asset: str
    media: Media | None  # None: not fetched yet
    standing: Standing
    versions: tuple[Version, ...] = ()
    alt: str = ""
    blurhash: str = ""

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


def standing_of(asset: AssetState, renditions: Collection[RenditionState]) -> Standing:
    """Where the asset stands, by its own state and those of its versions."""
    if asset is AssetState.REFUSED:
        return Standing.FAILED
    if asset is AssetState.WAITING:
        return Standing.WAITING
    if any(one in UNMADE for one in renditions):
        return Standing.RENDERING
    return Standing.FAILED if RenditionState.FAILED in renditions else Standing.READY
