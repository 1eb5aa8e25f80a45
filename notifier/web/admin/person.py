"""What the page of one person shows: addresses, choices and their history, relations, digests and last deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from notifier.policy.calendar import zone_of
from notifier.policy.choices import CAP, DIGEST, PAUSE, QUIET, pause_end
from notifier.policy.relations import BLOCK, FOLLOW, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.store.apps import Apps
from notifier.store.choices import Choices
from notifier.store.directory import COUNTED, KINDS, Directory
from notifier.store.directory import Entry as PersonEntry
from notifier.store.history import Change, History
from notifier.store.log import Filter, Log
from notifier.store.people import People
from notifier.store.relations import Relations, Tie
from notifier.store.waiting import DigestEntry, Waiting
from notifier.web.admin.contacts import Shown, shown
from notifier.web.admin.deliveries import Row, row_of
from notifier.web.parts import parts
from notifier.web.preferences import shape

LAST, CHANGES, RELATED = 50, 20, 50
RELATIONS = {
    FOLLOW: "follows",
    BLOCK: "blocks",
    MUTE_ACTOR: "mutes the person",
    MUTE_OBJECT: "mutes the thing",
    MUTE_TYPE: "mutes the type",
}
THROUGH = {
    "api": "the API",
    "token": "the app’s page",
    "link": "a link in a mail",
    "one_click": "one click in a mail program",
    "page": "the preferences page",
    "event": "an event of the app",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """How often a type comes on a channel, and whether the person chose that."""

    cadence: str
    own: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One type with a cell for each channel. Of one that is `mandatory` there is no choice."""

    type: str
    mandatory: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When the person hears: each in words, and whether the person chose that."""

    digest_time: Cell
    digest_weekday: Cell
    quiet: Cell
    caps: Mapping[str, Cell]
    paused_until: datetime | None  # on their clock


@dataclass(frozen=True, slots=True)
class Line:
    """A change of what they chose: who made it, and through what."""

    change: Change
    by: str
    through: str


@dataclass(frozen=True, slots=True)
class Waits:
    """An open digest, how much waits for it, and when it comes on the person's clock."""

    digest: DigestEntry
    count: int
    local: datetime


@dataclass(frozen=True, slots=True)
class Related:
    """The first of a person's relations, and how many there are: `counts` by word, as text."""

    first: tuple[tuple[str, Tie], ...]
    counts: tuple[tuple[str, str], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """All that the page shows. Of somebody who is only named in events there is no `profile`."""

    id: str
    profile: PersonEntry | None
    zone: str
    local: datetime
    mailboxes: tuple[Shown, ...]
    devices: tuple[Shown, ...]
    channels: tuple[str, ...]
    choices: tuple[Choice, ...]
    rhythm: Rhythm
    history: tuple[Line, ...]
    history_from: str
    earlier: str
    waits: tuple[Waits, ...]
    related: Related
    deliveries: tuple[Row, ...]
    last: int = LAST


def person_page(connection: Connection, user: str, history: str) -> Shape:
    """What is known of the person, as the signed-in admin may see it; with `history`, changes before that one."""
    directory = Directory(connection)
    profile = directory.find(user)
    zone = zone_of(profile.timezone if profile else "")
    devices = {device.id for device in People(connection).devices(user)}
    contacts = [shown(contact) for contact in directory.contacts([user])]
    chosen = shape(Choices(connection).of([user])[user])
    changes = History(connection).page(user, history, CHANGES + 1)
    return Shape(
        user,
        profile,
        zone.key,
        parts().clock().astimezone(zone),
        tuple(one for one in contacts if one.contact.id not in devices),
        tuple(one for one in contacts if one.contact.id in devices),
        _channels(chosen),
        _choices(chosen),
        _rhythm(chosen, zone),
        _lines(connection, changes[:CHANGES]),
        history,
        changes[CHANGES - 1].id if len(changes) > CHANGES else "",
        _waits(connection, user, zone),
        _related(connection, user),
        _deliveries(connection, user),
    )


def _channels(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(channel for channels in chosen["types"].values() for channel in channels))


def _choices(chosen: Mapping[str, Any]) -> tuple[Choice, ...]:
    own = chosen["own"].get("types", {})
    mandatory = {kind.short for kind in parts().catalogue.heard if kind.mandatory}
    return tuple(
        Choice(
            short,
            short in mandatory,
            tuple(Cell(channels.get(channel, "–"), channel in own.get(short, {})) for channel in _channels(chosen)),
        )
        for short, channels in chosen["types"].items()
    )


def _rhythm(chosen: Mapping[str, Any], zone: ZoneInfo) -> Rhythm:
    own, quiet, pause = chosen["own"], chosen[QUIET], pause_end(chosen[PAUSE] or "")
    caps = {
        channel: Cell("no limit" if most is None else f"{most} an hour", channel in own.get(CAP, {}))
        for channel, most in chosen[CAP].items()
    }
    return Rhythm(
        Cell(chosen[DIGEST]["time"], "time" in own.get(DIGEST, {})),
        Cell(chosen[DIGEST]["weekday"].title(), "weekday" in own.get(DIGEST, {})),
        Cell(f"{quiet['start']}–{quiet['end']}" if quiet else "none", bool(quiet)),
        caps,
        pause.astimezone(zone) if pause else None,
    )


def _lines(connection: Connection, changes: list[Change]) -> tuple[Line, ...]:
    names = {app.id: f"the app {app.name}" for app in Apps(connection).all()} if changes else {}
    names["person"] = "the person"
    return tuple(
        Line(one, names.get(one.author.by, one.author.by), THROUGH.get(one.author.through, one.author.through))
        for one in changes
    )


def _waits(connection: Connection, user: str, zone: Any) -> tuple[Waits, ...]:
    waiting = Waiting(connection)
    digests = waiting.of(user)
    counts = waiting.counts(digests) if digests else {}
    return tuple(Waits(one, counts.get(one.id, 0), one.at.astimezone(zone)) for one in digests)


def _related(connection: Connection, user: str) -> Related:
    directory = Directory(connection)
    ties = Relations(connection).page(user, KINDS, None, RELATED + 1)
    counts = [(RELATIONS[kind], count) for kind, count in directory.counted(user).items()]
    counts.append(("followers", directory.followers(user)))
    return Related(
        tuple((RELATIONS.get(one.kind, one.kind), one) for one in ties[:RELATED]),
        tuple((word, _at_most(count)) for word, count in counts if count),
        len(ties) > RELATED,
    )


def _at_most(count: int) -> str:
    return f"more than {COUNTED:,}" if count > COUNTED else f"{count:,}"


def _deliveries(connection: Connection, user: str) -> tuple[Row, ...]:
    found = Log(connection).page(Filter(user=user), LAST)
    return tuple(row_of(one) for one in found)
