"""The form in which a person chooses: its fields as they stand, and what is asked for by those that were changed.

A field's name says what it is about: `types/like/email`, `digest/time`, `quiet_hours/start`, `timezone`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from pydantic import ValidationError

from notifier.languages import message
from notifier.policy.calendar import DIGEST_TIME, DIGEST_WEEKDAY
from notifier.policy.catalogue import Kind
from notifier.policy.choices import (
    CAP,
    CAPPED,
    DIGEST,
    MOST_PER_HOUR,
    QUIET,
    QUIET_HOURS,
    TIME,
    WEEKDAY,
    WEEKDAYS,
    What,
    Wishes,
    clock_text,
    quiet_times,
)
from notifier.web.bodies import PreferencesBody, UserBody
from notifier.web.parts import parts
from notifier.web.preferences import wishes_of
from notifier.web.problems import Problem, faults_of

TYPES, ZONE, LOCALE = "types", "timezone", "locale"
WAYS = CAPPED  # the channels that reach people wherever they are; the app shows the feed, and its own switch for it
START, END = f"{QUIET}/start", f"{QUIET}/end"
REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
FAULTS = {
    TYPES: message("Choose how often from the lists."),
    DIGEST: message("The digest hour must be a time of day such as 08:00."),
    QUIET: message("Quiet hours must end at another time than they begin; leave both empty for none."),
    CAP: message("The most messages in an hour must be a number from 0 to %(most)s; leave it empty for the default."),
    ZONE: message("Choose your time zone from the list."),
    LOCALE: message("Choose your language from the list."),
}
MOST = MOST_PER_HOUR

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for. Where something is wrong, `faults` says of which sections (keys of `FAULTS`)."""

    wishes: Wishes = field(default_factory=dict)
    zone: str | None = None
    locale: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def profile(self) -> dict[str, str]:
        """What is asked for of the person's profile."""
        asked = {ZONE: self.zone, LOCALE: self.locale}
        return {name: value for name, value in asked.items() if value is not None}


def kinds() -> list[Kind]:
    """The types that a person can choose for."""
    return [kind for kind in parts().catalogue.heard if not kind.mandatory]


def always() -> list[Kind]:
    """The types that nobody can turn off."""
    return [kind for kind in parts().catalogue.heard if kind.mandatory]


def fields_of(chosen: Mapping[What, str], zone: str, locale: str) -> dict[str, str]:
    """Every field of the form, with what holds for a person who chose this, lives there and is spoken to so."""
    start, end = quiet_times(chosen.get(QUIET_HOURS, ""))
    often = {_of_type(kind, way): chosen.get((kind.name, way), kind.cadences[way]) for kind in kinds() for way in WAYS}
    return often | {
        f"{DIGEST}/time": chosen.get(TIME, clock_text(DIGEST_TIME)),
        f"{DIGEST}/weekday": chosen.get(WEEKDAY, WEEKDAYS[DIGEST_WEEKDAY]),
        START: start,
        END: end,
        **{f"{CAP}/{way}": chosen.get((CAP, way), "") for way in WAYS},
        ZONE: zone,
        LOCALE: locale,
    }


def asked(form: Fields, standing: Fields) -> Asked:
    """What the posted form asks for: the fields that are not as they were `shown` on it.

    What somebody else changed meanwhile, by the link of a mail for instance, is not put back by a page that is older.
    """
    shown = _shown(form.get("shown", ""))
    changed = {name: form[name] for name in standing if name in form and form[name] != shown.get(name)}
    zone, locale = changed.pop(ZONE, None), changed.pop(LOCALE, None)
    body = _body(changed, form)
    if locale is not None and locale not in parts().languages.tags:
        return Asked(faults=(LOCALE,))
    try:
        wishes = wishes_of(PreferencesBody.model_validate(body))
        UserBody.model_validate({} if zone is None else {ZONE: zone})
    except ValidationError as error:
        return Asked(faults=_sections(fault.pointer for fault in faults_of(error)))
    except Problem as problem:
        return Asked(faults=_sections(fault.pointer for fault in problem.faults))
    return Asked(wishes, zone, locale)


def everything_off() -> Wishes:
    """That nothing is sent any more, but what nobody can turn off."""
    return {(kind.name, way): "off" for kind in kinds() for way in WAYS}


def zones(own: str) -> list[str]:
    """The time zones to choose from, the person's `own` among them."""
    return sorted({*_zones(), own})


def _of_type(kind: Kind, way: str) -> str:
    return f"{TYPES}/{kind.short}/{way}"


def _shown(text: str) -> Fields:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _body(changed: Fields, form: Fields) -> dict[str, Any]:
    """What was changed, as an app would post it."""
    body: dict[str, Any] = {}
    for name, value in changed.items():
        section, *rest = name.split("/")
        if section == TYPES:
            short, way = rest
            body.setdefault(TYPES, {}).setdefault(short, {})[way] = value
        elif section == QUIET:
            body[QUIET] = _quiet(form.get(START, ""), form.get(END, ""))
        else:
            body.setdefault(section, {})[rest[0]] = _number(value) if section == CAP else value or None
    return body


def _quiet(start: str, end: str) -> dict[str, str] | None:
    return {"start": start, "end": end} if start or end else None


def _number(text: str) -> int | str | None:
    """The number; nothing where nothing stands there; what is no number stays what it is, and is refused."""
    return int(text) if text.isdecimal() and len(text) <= len(str(MOST)) else text or None


def _sections(pointers: Iterator[str]) -> tuple[str, ...]:
    found = {pointer.split("/")[1] for pointer in pointers}
    return tuple(section for section in FAULTS if section in found)


@cache
def _zones() -> frozenset[str]:
    # Walks through files. Other names are old ones of these, or of no place where people live.
    return frozenset(zone for zone in available_timezones() if zone.partition("/")[0] in REGIONS) | {"UTC"}
