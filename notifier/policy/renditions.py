"""Which versions an asset needs: a table read from TOML, each entry with a version that its fields decide."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from notifier.policy.media import FINAL_CAUSES, OUR_CAUSES, Cause, Media

ALGORITHM = 1  # raised where the same spec would now be made otherwise
IMAGE_FORMATS = ("jpeg", "webp", "avif")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
_FIELDS = {
    "images": {"width", "square", "formats", "quality"},
    "videos": {"height", "poster", "quality", "audio"},
}
_MOST = {"width": 16_384, "height": 4_320, "quality": 100, "audio": 512}

TRIES = 5
DELAYS = (timedelta(seconds=2), timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10))
PATIENT = timedelta(days=1)


class SpecFault(ValueError):
    """The table of renditions is wrong. The message names the entry and what would be right."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One version to make: a file. `size` is the width of a picture, or the shorter side of a video, in pixels."""

    name: str  # "w1080.webp"; stored
    media: Media
    size: int
    format: str  # jpeg, webp, avif or mp4
    quality: int
    square: bool = False
    audio: int = 0  # kbit/s
    poster: bool = False

    @property
    def version(self) -> str:
        """What its fields come to: another version is another file."""
        fields = json.dumps([ALGORITHM, asdict(self)], sort_keys=True)
        return sha256(fields.encode()).hexdigest()[:12]

    @property
    def family(self) -> tuple[Any, ...]:
        """What it has in common with those of which it is one size."""
        return self.media, self.format, self.square, self.poster


@dataclass(frozen=True, slots=True)
class Specs:
    """The whole table."""

    specs: tuple[Spec, ...]

    def of(self, media: Media) -> tuple[Spec, ...]:
        """Those of pictures, or of videos."""
        return tuple(spec for spec in self.specs if spec.media is media)

    def find(self, name: str) -> Spec | None:
        """The one of that name, or None."""
        return next((spec for spec in self.specs if spec.name == name), None)

    def with_avif(self) -> "Specs":
        """With an AVIF beside each WebP."""
        known = {one.name for one in self.specs}
        twins = [(one, one.name.replace(".webp", ".avif")) for one in self.specs if one.format == "webp"]
        more = [replace(one, name=name, format="avif") for one, name in twins if name not in known]
        return Specs((*self.specs, *more))

    def with_motion(self) -> "Specs":
        """With a short video of pictures that move."""
        return Specs((*self.specs, Spec("motion.mp4", Media.IMAGE, size=480, format="mp4", quality=27)))


def fitting(specs: Sequence[Spec], width: int, height: int) -> dict[str, int]:
    """How large each is made of a source of that size, by name; without those that are left out.

    Nothing is larger than its source; of those that would be, only the smallest is made, at the source's own size.
    """
    found: dict[str, int] = {}
    for spec in specs:
        most = width if spec.media is Media.IMAGE and not spec.square else min(width, height)
        smaller = [one.size for one in specs if one.family == spec.family and one.size < spec.size]
        if spec.size <= most:
            found[spec.name] = spec.size
        elif not smaller or max(smaller) < most:
            found[spec.name] = most
    return found


def again_in(tries: int, cause: Cause, age: timedelta) -> timedelta | None:
    """When to try again after so many tries, the last of which ended like that; None where it is given up.

    `age` is how long ago it was asked for: what only we lack, room or a storage that answers, is waited for a day.
    """
    # What took too long, perhaps on a machine that was busy, gets one more chance: each costs all of its time.
    spent = tries >= (2 if cause is Cause.OUT_OF_TIME else TRIES)
    if cause in FINAL_CAUSES or (spent and not (cause in OUR_CAUSES and age < PATIENT)):
        return None
    return DELAYS[min(tries, len(DELAYS)) - 1]


def read_specs(text: str, own: str = "") -> Specs:
    """Read the TOML table, and over it an operator's own: new entries, and changed fields of those that are there.

    Raises `SpecFault` with the entry that is wrong.
    """
    table, changes = _tables(text), _tables(own)
    specs: list[Spec] = []
    for kind in _FIELDS:
        entries = {name: dict(entry) for name, entry in table[kind].items()}
        for name, entry in changes[kind].items():
            entries[name] = {**entries.get(name, {}), **entry}
        for name, entry in entries.items():
            specs.extend(_read(kind, name, entry))
    return Specs(tuple(specs))


def _tables(text: str) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecFault(f"the table of renditions is not TOML: {error}") from error
    if unknown := sorted(set(found) - set(_FIELDS)):
        raise SpecFault(f"{unknown[0]} is not known at the top; we know images and videos")
    tables = {kind: _table(kind, found.get(kind, {})) for kind in _FIELDS}
    return {kind: {name: _table(f"{kind}.{name}", entry) for name, entry in of.items()} for kind, of in tables.items()}


def _read(kind: str, name: str, entry: Mapping[str, Any]) -> Iterator[Spec]:
    where = f"{kind}.{name}"
    if not _NAME.fullmatch(name):
        raise SpecFault(f"{where}: a name is 1 to 16 small letters, digits and -, and begins with a letter")
    if unknown := sorted(set(entry) - _FIELDS[kind]):
        raise SpecFault(f"{where}: {unknown[0]} is not known; we know {', '.join(sorted(_FIELDS[kind]))}")
    yield from (_images if kind == "images" else _videos)(where, name, entry)


def _images(where: str, name: str, entry: Mapping[str, Any]) -> Iterator[Spec]:
    width, quality = _number(where, "width", entry), _number(where, "quality", entry)
    formats = entry.get("formats", ["jpeg"])
    if not isinstance(formats, list) or any(one not in IMAGE_FORMATS for one in formats):
        raise SpecFault(f"{where}.formats is {formats!r}; it must be a list of some of {', '.join(IMAGE_FORMATS)}")
    square = _flag(where, "square", entry)
    for one in dict.fromkeys(formats):
        yield Spec(f"{name}.{one}", Media.IMAGE, width, one, quality, square=square)


def _videos(where: str, name: str, entry: Mapping[str, Any]) -> Iterator[Spec]:
    height, quality = _number(where, "height", entry), _number(where, "quality", entry)
    if _flag(where, "poster", entry):
        yield Spec(f"{name}.jpeg", Media.VIDEO, height, "jpeg", quality, poster=True)
        return
    if quality > 51:
        raise SpecFault(f"{where}.quality is {quality}; a video's must be a whole number from 0 to 51")
    if height % 2:
        raise SpecFault(f"{where}.height is {height}; it must be even, as H.264 wants it")
    yield Spec(f"{name}.mp4", Media.VIDEO, height, "mp4", quality, audio=_number(where, "audio", entry))


def _number(where: str, field: str, entry: Mapping[str, Any]) -> int:
    value, most = entry.get(field), _MOST[field]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise SpecFault(f"{where}.{field} is {value!r}; it must be a whole number from 1 to {most:,}")
    return value


def _flag(where: str, field: str, entry: Mapping[str, Any]) -> bool:
    value = entry.get(field, False)
    if not isinstance(value, bool):
        raise SpecFault(f"{where}.{field} is {value!r}; it must be true or false")
    return value


def _table(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SpecFault(f"{where} is {value!r}; it must be a table such as [images.w640]")
    return value
