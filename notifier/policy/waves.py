"""Waves: a time comes to each person by the clock on their own wall, zone after zone, once around the earth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from notifier.policy.calendar import zone_of


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an event is for, beside those whom its body names.

    With `everyone` it is for all people. With `wall`, a time (naive) that clocks show, each hears of it when their own
    does; those whose clock has come to it by `wave` (aware UTC) are told now, or then, and the others later.
    """

    everyone: bool = False
    wall: datetime | None = None
    wave: datetime | None = None

    @property
    def walks(self) -> bool:
        """Whether its people are gone through to see who has not been told, rather than counted off."""
        return self.everyone or self.wall is not None


@dataclass(frozen=True, slots=True)
class Zones:
    """Some time zones: those of these names, or with `others` all but those. An unknown name counts as UTC."""

    names: frozenset[str]
    others: bool

    def __contains__(self, zone: str) -> bool:
        return (zone in self.names) != self.others


@dataclass(frozen=True, slots=True)
class Tour:
    """One walk through an audience, which goes on after `after`: to those of `zones`, or to all.

    It is made for `wave`, and `following` is the one after it; None where there is none.
    """

    after: str
    wave: datetime | None = None
    zones: Zones | None = None
    following: datetime | None = None


NAMED = Audience()


def wall_in(zone: str, wall: datetime) -> datetime:
    """When that zone's clock comes to the time (aware UTC).

    A time that comes twice is taken the first time, and one that is left out moves forward by as much as is left out.
    """
    return _moment(zone_of(zone), wall)


def last_wave(wall: datetime) -> datetime:
    """When the last zone on earth comes to the time (aware UTC)."""
    return _waves(wall)[-1]


def wave_after(wall: datetime, wave: datetime | None, now: datetime) -> datetime | None:
    """The wave that comes after that one, or the first; None behind the last. Moments are aware UTC.

    Of several that have come by now it is the latest, which takes the others along.
    """
    later = [moment for moment in _waves(wall) if wave is None or moment > wave]
    come = [moment for moment in later if moment <= now]
    return come[-1] if come else next(iter(later), None)


def tour_of(audience: Audience, after: str, now: datetime, *, at_once: bool = False) -> Tour:
    """Where the tour goes on that had looked at everybody up to `after`.

    With `at_once` it waits for nobody's clock: it is the last one, and begins anew where it was another.
    """
    wall, wave = audience.wall, audience.wave
    if wall is None or wave is None:
        return Tour(after)
    last = last_wave(wall)
    if at_once and wave < last:
        return Tour("", last, reached(wall, last))
    return Tour(after, wave, reached(wall, wave), wave_after(wall, wave, now))


@lru_cache(maxsize=64)
def reached(wall: datetime, moment: datetime) -> Zones:
    """The zones whose clock has come to the time by that moment (aware UTC)."""
    others = wall.replace(tzinfo=UTC) <= moment
    return Zones(frozenset(zone for zone, at in _moments(wall).items() if (at <= moment) != others), others)


@lru_cache(maxsize=8)
def _waves(wall: datetime) -> tuple[datetime, ...]:
    return tuple(sorted({wall.replace(tzinfo=UTC), *_moments(wall).values()}))


@lru_cache(maxsize=8)
def _moments(wall: datetime) -> Mapping[str, datetime]:
    # Reads some six hundred small files, and keeps none of them.
    zones = sorted(available_timezones())
    return MappingProxyType({zone: _moment(ZoneInfo(zone), wall) for zone in zones})


def _moment(zone: ZoneInfo, wall: datetime) -> datetime:
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
