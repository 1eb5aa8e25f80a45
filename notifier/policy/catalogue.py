"""The catalogue of event types, read from one TOML file and checked before anything starts."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from notifier.policy.queues import QUEUES
from notifier.policy.words import Cadence

CREATED = ".created"
TOLD = ("target.owner", "in_reply_to.owner", "object.owner", "object.id", "mentions")
FOLDS = ("", "target", "object", "recipient")
RELATIONS = ("", "follow")
CHANNELS = ("email", "push", "feed")
_OFTEN = (Cadence.OFF, Cadence.INSTANT, Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY)
CADENCES = {"email": _OFTEN, "push": _OFTEN, "feed": (Cadence.ON, Cadence.OFF)}


MOST = 1_000_000  # seconds, or hours: what is more is a slip of the pen
# It stands in columns, in headers of mails and in names of template files.
_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+")


class CatalogueFault(ValueError):
    """The catalogue file is wrong. The message names the entry and what would be right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: who hears of it, how fast, on what channels."""

    name: str  # the long form, "comment.created"
    told: tuple[str, ...]
    queue: str
    cadences: Mapping[str, Cadence]  # channel → what a person has until they choose
    gather: timedelta = timedelta(0)
    fold: str = ""
    relation: str = ""
    ttl: timedelta = timedelta(hours=24)

    @property
    def short(self) -> str:
        return self.name.removesuffix(CREATED)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All kinds, found by their long or short name."""

    kinds: Mapping[str, Kind]

    def find(self, type_: str) -> Kind | None:
        """The kind of that long or short name, or None."""
        return self.kinds.get(type_) or self.kinds.get(type_ + CREATED)

    @property
    def short_names(self) -> list[str]:
        return [kind.short for kind in self.kinds.values()]


def read_catalogue(text: str) -> Catalogue:
    """Read the TOML text. Raises `CatalogueFault` with the entry that is wrong."""
    try:
        types = tomllib.loads(text).get("types", {})
    except tomllib.TOMLDecodeError as error:
        raise CatalogueFault(f"the catalogue is not TOML: {error}") from error
    kinds = [_kind(name, _table(f"types.{name}", entry)) for name, entry in _table("types", types).items()]
    return Catalogue({kind.name: kind for kind in kinds})


def _kind(name: str, entry: Mapping[str, Any]) -> Kind:
    known = {"told", "queue", *CHANNELS, "gather", "fold", "relation", "ttl_hours"}
    if unknown := sorted(set(entry) - known):
        raise CatalogueFault(f"types.{name}: {unknown[0]} is not known; we know {', '.join(sorted(known))}")
    for path in entry.get("told", ()):
        _among(f"types.{name}.told", path, TOLD)
    return Kind(
        name=_long(name),
        told=tuple(entry.get("told", ())),
        queue=_among(f"types.{name}.queue", entry.get("queue", "default"), tuple(QUEUES)),
        cadences={
            channel: Cadence(_among(f"types.{name}.{channel}", entry.get(channel, "off"), CADENCES[channel]))
            for channel in CHANNELS
        },
        gather=timedelta(seconds=_amount(f"types.{name}.gather", entry.get("gather", 0))),
        fold=_among(f"types.{name}.fold", entry.get("fold", ""), FOLDS),
        relation=_among(f"types.{name}.relation", entry.get("relation", ""), RELATIONS),
        ttl=timedelta(hours=_amount(f"types.{name}.ttl_hours", entry.get("ttl_hours", 24))),
    )


def _long(name: str) -> str:
    long = name if "." in name else name + CREATED
    if not _NAME.fullmatch(long):
        raise CatalogueFault(
            f"types.{name}: its long name is {long!r}; it must be 1 to 64 small letters, digits, - and _, in parts "
            "with a dot between them"
        )
    return long


def _among(where: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise CatalogueFault(
            f"{where} is {value!r}; it must be one of {', '.join(repr(str(word)) for word in allowed)}"
        )
    return str(value)


def _amount(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
        raise CatalogueFault(f"{where} is {value!r}; it must be a number from 0 to {MOST:,}")
    return float(value)


def _table(where: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CatalogueFault(f"{where} is {value!r}; it must be a table such as [types.poke]")
    return value
