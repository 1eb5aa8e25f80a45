"""What the page of a person's choices shows: the digests that wait, and the form with what holds for them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request

from notifier.channels.wording import Wording
from notifier.languages import Language
from notifier.languages.choosing import OFTEN, WAYS
from notifier.languages.digests import digest_heading
from notifier.languages.templates import said_in
from notifier.languages.things import kind_name
from notifier.languages.when import native_name, place, weekday_names, when
from notifier.policy.calendar import zone_of
from notifier.policy.catalogue import CADENCES
from notifier.policy.choices import CAPPED, LONGEST_PAUSE, PAUSED_UNTIL, WEEKDAYS, pause_end
from notifier.policy.steering import LONGEST
from notifier.store.choices import Choices
from notifier.store.people import Device, People, Profile
from notifier.web import choosing
from notifier.web.items import Reader, reader, worded
from notifier.web.parts import parts
from notifier.web.waits import Waits, what_waits

LISTED = 10  # items of one digest; the rest is a number
MINUTES = "%Y-%m-%dT%H:%M"  # what a field for a local time shows


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a link belongs to: the one who holds it may choose for this person."""

    token: str
    address_id: str
    user: str
    profile: Profile | None
    address: str
    language: Language

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.profile.timezone if self.profile else "")


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a post: done, or `wrong`; and what undoes it, sealed, where that can be."""

    text: str
    wrong: bool = False
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that waits, in words; `direction` is that of the language that has them."""

    text: str
    lang: str
    direction: str


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that gets pushes: through which service, and since when."""

    id: str
    host: str
    since: str


@dataclass(frozen=True, slots=True)
class Pause:
    """The pause of everything: in words when it ends, empty where there is none; `at` is its local time, to be set."""

    ends: str
    at: str
    latest: str


@dataclass(frozen=True, slots=True)
class Card:
    """One digest that waits, as the page shows it. `at` is its local time, to be moved."""

    id: str
    title: str
    way: str
    comes: str
    at: str
    count: int
    lines: tuple[Line, ...]
    more: int


def page(holder: Holder, said: Said | None = None) -> str:
    """The page as it stands for this person now, with what was `said` to their post."""
    language = holder.language
    whose = reader(holder.user, holder.profile, parts().word)
    with parts().database.read() as connection:
        chosen = Choices(connection).of([holder.user])[holder.user]
        standing = choosing.fields_of(chosen, whose.person.timezone, language.tag)
        cards = [
            _card(waits, whose, language)
            for waits in what_waits(connection, holder.user, parts().catalogue)
            if waits.count
        ]
        devices = [device for device in People(connection).devices(holder.user) if device.state == "active"]
    # What is wrong stays in its field, to be mended.
    given = request.form if said and said.wrong else {}
    return render_template(
        "public/preferences.html",
        holder=holder,
        language=language,
        said=said,
        cards=cards,
        pause=_pause(holder, pause_end(chosen.get(PAUSED_UNTIL, "")), parts().clock()),
        devices=[_browser(device, holder) for device in devices],
        latest=_minute(parts().clock() + LONGEST, holder.zone),
        fields={name: given.get(name, value) for name, value in standing.items()},
        shown=json.dumps(standing, ensure_ascii=False),
        form=_words(language),
        zones=choosing.zones(standing[choosing.ZONE]),
        languages={tag: native_name(tag) for tag in parts().languages.tags},
        **said_in(language),
    )


def _pause(holder: Holder, until: datetime | None, now: datetime) -> Pause:
    latest = _minute(now + LONGEST_PAUSE, holder.zone)
    if until is None or until <= now:
        return Pause("", "", latest)
    language = holder.language
    ends = language.gettext(
        "Everything is paused until %(when)s (%(place)s).",
        when=when(language, until, now, holder.zone),
        place=place(language, holder.zone),
    )
    return Pause(ends, _minute(until, holder.zone), latest)


def _minute(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime(MINUTES)


def _browser(device: Device, holder: Holder) -> Browser:
    since = when(holder.language, device.created_at, parts().clock(), holder.zone)
    return Browser(device.id, parts().device_host(device.value), since)


def _words(language: Language) -> dict[str, Any]:
    """All that the form chooses from, in words."""
    caps = parts().catalogue.caps
    return {
        "ways": {way: language.gettext(WAYS[way]) for way in CAPPED},
        "kinds": {kind.short: kind_name(language, kind.name) for kind in choosing.kinds()},
        "always": [kind_name(language, kind.name) for kind in choosing.always()],
        "often": {way: {one: language.gettext(OFTEN[one]) for one in CADENCES[way]} for way in CAPPED},
        "weekdays": dict(zip(WEEKDAYS, weekday_names(language), strict=True)),
        "caps": {way: caps.get(way, "") for way in CAPPED},
        "most": choosing.MOST,
    }


def _card(waits: Waits, whose: Reader, language: Language) -> Card:
    digest, zone = waits.digest, zone_of(whose.person.timezone)
    comes = language.gettext(
        "%(items)s, %(when)s (%(place)s)",
        items=language.ngettext("%(count)s item", "%(count)s items", waits.count, count=waits.count),
        when=when(language, digest.at, parts().clock(), zone),
        place=place(language, zone),
    )
    return Card(
        digest.id,
        digest_heading(language, digest.cadence),
        language.gettext(WAYS[digest.channel]),
        comes,
        _minute(digest.at, zone),
        waits.count,
        tuple(_line(worded(item, whose)) for item in waits.items[:LISTED]),
        waits.count - min(len(waits.items), LISTED),
    )


def _line(wording: Wording) -> Line:
    return Line(wording.sentence, wording.lang, wording.language.direction)
