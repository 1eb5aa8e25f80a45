"""The catalogue of event types, read from one TOML file and checked before anything starts."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from notifier.policy.queues import QUEUES
from notifier.policy.words import Cadence

CREATED, DELETED = ".created", ".deleted"
FOLLOWERS = "followers"
TOLD = ("target.owner", "in_reply_to.owner", "object.owner", "object.id", "mentions", FOLLOWERS)
FOLDS = ("", "target", "object", "recipient")
RELATIONS = ("", "follow", "block", "mute")
CHANNELS = ("email", "push", "feed")
PASSES = ("caps", "quiet_hours")
_SENDING = tuple(queue.name for queue in QUEUES.values() if queue.sends)
_OFTEN = (Cadence.OFF, Cadence.INSTANT, Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY)
CADENCES = {"email": _OFTEN, "push": _OFTEN, "feed": (Cadence.ON, Cadence.OFF)}
ALIASES = {"unfollow": "follow.deleted", "unlike": "like.deleted"}

MOST = 1_000_000  # seconds, or hours: what is more is a slip of the pen
# It stands in columns, in headers of mails and in names of template files.
_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+")
_FLAGS = ("milestones", "hangs", "mandatory", "silent", "service")
_FIELDS = {"told", "queue", *CHANNELS, "gather", "fold", "relation", "passes", *_FLAGS, "ttl_hours"}


class CatalogueFault(ValueError):
    """The catalogue file is wrong. The message names the entry and what would be right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: who hears of it, how fast, on what channels. One without `cadences` is told to nobody.

    One of the `service` is told by us alone: apps cannot send it, and there is nothing for people to choose.
    """

    name: str  # the long form, "comment.created"
    told: tuple[str, ...]
    queue: str
    cadences: Mapping[str, Cadence]  # channel → what a person has until they choose
    gather: timedelta = timedelta(0)
    fold: str = ""
    relation: str = ""
    passes: tuple[str, ...] = ()
    milestones: bool = False
    hangs: bool = False
    mandatory: bool = False
    service: bool = False
    ttl: timedelta = timedelta(hours=24)
    takes_back: str = ""  # of a deletion: the kind whose events it takes back

    @property
    def short(self) -> str:
        return self.name.removesuffix(CREATED)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All kinds, found by their long or short name; and how many messages an hour a person gets by default."""

    kinds: Mapping[str, Kind]
    caps: Mapping[str, int] = field(default_factory=dict)

    def find(self, type_: str) -> Kind | None:
        """The kind of that long or short name, a deletion's included; or None."""
        name = ALIASES.get(type_, type_)
        return self.kinds.get(name) or self.kinds.get(name + CREATED) or self._deletion(name)

    def rank(self, type_: str) -> int:
        """The place of the type, by its long or short name: 0 concerns people most. One that is not here is last."""
        kind, names = self.find(type_), list(self.kinds)
        return names.index(kind.name) if kind and kind.name in self.kinds else len(names)

    @property
    def heard(self) -> list[Kind]:
        """The kinds that people can hear of."""
        return [kind for kind in self.kinds.values() if kind.cadences and not kind.service]

    @property
    def short_names(self) -> list[str]:
        """Of the types that apps can send."""
        return [kind.short for kind in self.kinds.values() if not kind.service]

    def _deletion(self, name: str) -> Kind | None:
        base = name.removesuffix(DELETED)
        created = self.kinds.get(base) or self.kinds.get(base + CREATED)
        if created is None or not name.endswith(DELETED) or base.endswith(CREATED):
            return None
        return Kind(
            created.short + DELETED,
            told=(),
            queue=created.queue,
            cadences={},
            relation=created.relation,
            hangs=created.hangs,
            takes_back=created.name,
        )


def read_catalogue(text: str, own: str = "") -> Catalogue:
    """Read the TOML text, and over it an operator's own: new types, and changed fields of those that are there.

    Raises `CatalogueFault` with the entry that is wrong.
    """
    (types, caps), (own_types, own_caps) = _tables(text), _tables(own)
    for name, entry in own_types.items():
        known = next((other for other in types if _long(other) == _long(name)), name)
        types[known] = {**types.get(known, {}), **entry}
    kinds = [read_kind(name, entry) for name, entry in types.items()]
    return Catalogue({kind.name: kind for kind in kinds}, read_caps({**caps, **own_caps}))


def _tables(text: str) -> tuple[dict[str, Mapping[str, Any]], Mapping[str, Any]]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueFault(f"the catalogue is not TOML: {error}") from error
    if unknown := sorted(set(found) - {"types", "caps"}):
        raise CatalogueFault(f"{unknown[0]} is not known at the top; we know types and caps")
    types = _table("types", found.get("types", {}))
    return (
        {name: _table(f"types.{name}", entry) for name, entry in types.items()},
        _table("caps", found.get("caps", {})),
    )


def read_kind(name: str, entry: Mapping[str, Any]) -> Kind:
    """The kind of one entry. Raises `CatalogueFault`, which says after a semicolon what would be right."""
    where = f"types.{name}"
    if unknown := sorted(set(entry) - _FIELDS):
        raise CatalogueFault(f"{where}: {unknown[0]} is not known; we know {', '.join(sorted(_FIELDS))}")
    for flag in _FLAGS:
        _among(f"{where}.{flag}", entry.get(flag, False), (True, False))
    return Kind(
        name=_long(name),
        told=_several(f"{where}.told", entry.get("told", []), TOLD),
        queue=_among(f"{where}.queue", entry.get("queue", "default"), _SENDING),
        cadences={} if entry.get("silent") else _cadences(where, entry),
        gather=timedelta(seconds=_amount(f"{where}.gather", entry.get("gather", 0))),
        fold=_among(f"{where}.fold", entry.get("fold", ""), FOLDS),
        relation=_among(f"{where}.relation", entry.get("relation", ""), RELATIONS),
        passes=_several(f"{where}.passes", entry.get("passes", []), PASSES),
        milestones=entry.get("milestones", False),
        hangs=entry.get("hangs", False),
        mandatory=entry.get("mandatory", False),
        service=entry.get("service", False),
        ttl=timedelta(hours=_amount(f"{where}.ttl_hours", entry.get("ttl_hours", 24))),
    )


def entry_of(kind: Kind) -> dict[str, Any]:
    """The entry that a kind was read from, every field spelled out."""
    return {
        **{channel: str(cadence) for channel, cadence in kind.cadences.items()},
        "told": list(kind.told),
        "queue": kind.queue,
        "gather": kind.gather.total_seconds(),
        "fold": kind.fold,
        "relation": kind.relation,
        "passes": list(kind.passes),
        "milestones": kind.milestones,
        "hangs": kind.hangs,
        "mandatory": kind.mandatory,
        "service": kind.service,
        "silent": not kind.cadences,
        "ttl_hours": kind.ttl.total_seconds() / 3600,
    }


def _cadences(where: str, entry: Mapping[str, Any]) -> dict[str, Cadence]:
    return {
        channel: Cadence(_among(f"{where}.{channel}", entry.get(channel, "off"), CADENCES[channel]))
        for channel in CHANNELS
    }


def read_caps(entry: Mapping[str, Any]) -> dict[str, int]:
    """How many messages an hour, by channel. Raises `CatalogueFault`."""
    return {_among("caps", channel, CHANNELS): int(_amount(f"caps.{channel}", most)) for channel, most in entry.items()}


def _long(name: str) -> str:
    long = name if "." in name else name + CREATED
    if not _NAME.fullmatch(long):
        raise CatalogueFault(
            f"types.{name}: its long name is {long!r}; it must be 1 to 64 small letters, digits, - and _, in parts "
            "with a dot between them"
        )
    if long.endswith(DELETED):
        raise CatalogueFault(f"types.{name}: a type that ends in .deleted takes back another one and has no entry")
    return long


def _several(where: str, value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CatalogueFault(f'{where} is {value!r}; it must be a list such as ["{allowed[0]}"]')
    return tuple(_among(where, word, allowed) for word in value)


def _among(where: str, value: object, allowed: tuple[object, ...]) -> str:
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
