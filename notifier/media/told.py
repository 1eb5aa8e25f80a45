"""What whoever makes versions tells of them, one after the other."""

from dataclasses import dataclass

from notifier.policy.media import Cause


@dataclass(frozen=True, slots=True)
class Seen:
    """What the source is like, upright. `moves`: it has more than one frame; `ms` is how long it lasts."""

    width: int
    height: int
    blurhash: str = ""
    moves: bool = False
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A version that is written into the folder, under its spec's name."""

    spec: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A version that is not made of this source, and nothing is wrong."""

    spec: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Going:
    """It goes on; so many percent of what is under way are done, where that is known."""

    percent: int | None = None


Told = Seen | Written | LeftOut | Going
