"""The picture of what a notice is about, in the size that a channel shows."""

from dataclasses import dataclass

from notifier.policy.pictures import Picture


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as it is shown: where anybody gets it, and how large it is in pixels, 0 where that is not known."""

    url: str = ""
    width: int = 0
    height: int = 0

    def within(self, width: int) -> "Image":
        """The same, shown no wider than that."""
        if self.width <= width:
            return self
        return Image(self.url, width, max(round(self.height * width / self.width), 1))


@dataclass(frozen=True, slots=True)
class Illustration:
    """A picture in several sizes: those that we made of it, below the address `base`, or else the app's own `url`.

    `alt` is what its author says of it to whoever cannot see it.
    """

    url: str = ""
    picture: Picture | None = None
    base: str = ""

    @property
    def alt(self) -> str:
        return self.picture.alt if self.picture else ""

    def sized(self, width: int, *, square: bool = False) -> Image:
        """The JPEG to show so many pixels wide; a `square` where there is one. Without a `url` where there is none."""
        found = None
        if self.picture and self.base:
            found = self.picture.fitting(width, square=True) if square else None
            found = found or self.picture.fitting(width)
        return Image(f"{self.base}/{found.file}", found.width, found.height) if found else Image(self.url)
