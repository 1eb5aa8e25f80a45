"""What a person chose to hear, where and when; and the history of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g
from pydantic import BaseModel

from notifier.policy.calendar import DIGEST_TIME, DIGEST_WEEKDAY
from notifier.policy.catalogue import CADENCES, Kind
from notifier.policy.choices import (
    CAP,
    CAPPED,
    DIGEST,
    PAUSE,
    PAUSED_UNTIL,
    QUIET,
    QUIET_HOURS,
    TIME,
    WEEKDAY,
    WEEKDAYS,
    Author,
    What,
    Wishes,
    clock_text,
    is_about_a_type,
    pause_end,
    pause_text,
    quiet_text,
    quiet_times,
    wrong_pause,
)
from notifier.store.choices import Choices
from notifier.store.history import Change, History
from notifier.web import pages
from notifier.web.access import of_person, takes
from notifier.web.bodies import PageQuery, PreferencesBody
from notifier.web.parts import parts
from notifier.web.problems import Fault, invalid, pointer
from notifier.web.reading import read
from notifier.web.shapes import moment

bp = Blueprint("preferences", __name__, url_prefix="/v1")


@bp.get("/users/<user:user_id>/preferences")
@of_person("people")
def show(user_id: str) -> dict[str, Any]:
    """What the person hears, for every type and channel, and when: their own choice (`own`), else the default."""
    with parts().database.read() as connection:
        return shape(Choices(connection).of([user_id])[user_id])


@bp.put("/users/<user:user_id>/preferences")
@of_person("people")
@takes(PreferencesBody)
def choose(user_id: str) -> dict[str, Any]:
    """Change some choices; `null` returns to the default."""
    wishes, author = wishes_of(read(PreferencesBody)), author_of_request()
    return shape(
        parts().database.transact(lambda tx: Choices(tx).change({user_id: wishes}, author, parts().clock())[user_id])
    )


@bp.get("/users/<user:user_id>/preferences/history")
@of_person("people")
@takes(query=PageQuery)
def history(user_id: str) -> Response:
    """Every change of what the person chose, blocked or muted, newest first; `null` was or is the default."""
    query = pages.asked_page()
    before = pages.place(query)
    if before and not _is_change(before):
        raise pages.wrong_cursor()
    with parts().database.read() as connection:
        found = History(connection).page(user_id, before, query.limit + 1)
    return pages.answer(found, query, change_shape, lambda one: one.id)


def author_of_request() -> Author:
    """Who changes something by this request."""
    return Author("person", "token") if g.get("token") else Author(g.app_id, "api")


def wishes_of(body: PreferencesBody, below: str = "") -> Wishes:
    """What the body asks for; `below` is the pointer to it. Refuses what cannot be chosen, all of it at once."""
    faults: list[Fault] = []
    wishes: dict[What, str | None] = {**dict(_type_wishes(body, faults)), **_pause_wishes(body, faults)}
    if faults:
        raise invalid([replace(fault, pointer=below + fault.pointer) for fault in faults])
    given = body.model_fields_set
    if DIGEST in given:
        wishes |= _member_wishes(DIGEST, ("time", "weekday"), body.digest)
    if CAP in given:
        wishes |= _member_wishes(CAP, CAPPED, body.cap_per_hour)
    if QUIET in given:
        wishes[QUIET_HOURS] = quiet_text(body.quiet_hours.start, body.quiet_hours.end) if body.quiet_hours else None
    return wishes


def shape(chosen: Mapping[What, str]) -> dict[str, Any]:
    """All that holds now for a person who chose this, and what of it is their own choice."""
    caps = parts().catalogue.caps
    chosen = _standing(chosen)
    own = _own(chosen)
    return {
        "types": {
            kind.short: {channel: _cadence(kind, channel, chosen) for channel in kind.cadences}
            for kind in parts().catalogue.heard
        },
        DIGEST: {
            "time": chosen.get(TIME, clock_text(DIGEST_TIME)),
            "weekday": chosen.get(WEEKDAY, WEEKDAYS[DIGEST_WEEKDAY]),
        },
        QUIET: own.get(QUIET),
        CAP: {channel: int(most) if (most := chosen.get((CAP, channel))) else caps.get(channel) for channel in CAPPED},
        PAUSE: chosen.get(PAUSED_UNTIL),
        "own": own,
    }


def change_shape(change: Change) -> dict[str, Any]:
    """One change."""
    return {
        "id": change.id,
        "at": moment(change.at),
        "by": change.author.by,
        "through": change.author.through,
        "what": change.what,
        "before": change.before or None,
        "after": change.after or None,
    }


def refusal(type_: str) -> str:
    """Why nobody can choose how to hear of that type; empty where people can."""
    catalogue = parts().catalogue
    kind = catalogue.find(type_)
    known = ", ".join(one.short for one in catalogue.heard)
    if kind is None:
        return f"We know {known}."
    return "" if kind.cadences else f"Nobody hears of this type, so there is nothing to choose; people hear of {known}."


def _type_wishes(body: PreferencesBody, faults: list[Fault]) -> Iterator[tuple[What, str | None]]:
    if "types" in body.model_fields_set and body.types is None:
        yield from (((kind.name, channel), None) for kind in parts().catalogue.heard for channel in kind.cadences)
    named: set[str] = set()
    for type_, channels in (body.types or {}).items():
        kind, at = parts().catalogue.find(type_), ("types", type_)
        if why := refusal(type_):
            faults.append(Fault(pointer(at), "invalid" if kind else "unknown_type", why))
        elif kind and kind.name in named:
            faults.append(Fault(pointer(at), "invalid", f"The type {kind.short} stands here twice; name it once."))
        elif kind:
            named.add(kind.name)
            given = dict.fromkeys(kind.cadences) if channels is None else channels
            yield from _channel_wishes(kind, at, given, faults)


def _channel_wishes(
    kind: Kind, at: tuple[str, str], channels: Mapping[str, str | None], faults: list[Fault]
) -> Iterator[tuple[What, str | None]]:
    for channel, cadence in channels.items():
        allowed = CADENCES.get(channel, ())
        if channel not in kind.cadences or (cadence is not None and cadence not in allowed):
            words = f"This must be one of: {', '.join(allowed)}." if allowed else f"We know {', '.join(CADENCES)}."
            faults.append(Fault(pointer((*at, channel)), "invalid", words))
        elif kind.mandatory and cadence not in (None, kind.cadences[channel]):
            told = f"People always hear of {kind.short}: leave it out, or say {kind.cadences[channel]}."
            faults.append(Fault(pointer((*at, channel)), "mandatory", told))
        else:
            yield (kind.name, channel), None if kind.mandatory else cadence


def _pause_wishes(body: PreferencesBody, faults: list[Fault]) -> dict[What, str | None]:
    if PAUSE not in body.model_fields_set:
        return {}
    until = body.paused_until
    if until and (why := wrong_pause(until, parts().clock())):
        faults.append(Fault(pointer((PAUSE,)), "invalid", f"This {why}."))
    return {PAUSED_UNTIL: pause_text(until) if until else None}


def _standing(chosen: Mapping[What, str]) -> Mapping[What, str]:
    """What was chosen, without a pause that is over."""
    until = pause_end(chosen.get(PAUSED_UNTIL, ""))
    if until is None or until > parts().clock():
        return chosen
    return {what: value for what, value in chosen.items() if what != PAUSED_UNTIL}


def _member_wishes(section: str, members: tuple[str, ...], given: BaseModel | None) -> dict[What, str | None]:
    """What is asked of each member that is named; of all, where the whole returns to its default."""
    if given is None:
        return {(section, member): None for member in members}
    named = given.model_dump(exclude_unset=True)
    return {(section, member): None if value is None else str(value) for member, value in named.items()}


def _cadence(kind: Kind, channel: str, chosen: Mapping[What, str]) -> str:
    default = kind.cadences[channel]
    return default if kind.mandatory else chosen.get((kind.name, channel), default)


def _own(chosen: Mapping[What, str]) -> dict[str, Any]:
    """The person's own choices, in the shape that a PUT takes."""
    own: dict[str, Any] = {}
    types = {
        kind.short: {channel: chosen[kind.name, channel] for channel in kind.cadences if (kind.name, channel) in chosen}
        for kind in parts().catalogue.heard
        if not kind.mandatory
    }
    own["types"] = {short: channels for short, channels in types.items() if channels}
    own |= {section: {} for section in (DIGEST, CAP)}
    for what, value in sorted(chosen.items()):
        section, member = what
        if what == QUIET_HOURS:
            own[QUIET] = dict(zip(("start", "end"), quiet_times(value), strict=True))
        elif what == PAUSED_UNTIL:
            own[PAUSE] = value
        elif not is_about_a_type(what):
            own[section][member] = int(value) if section == CAP else value
    return {section: value for section, value in own.items() if value}


def _is_change(text: str) -> bool:
    return text.startswith("chg_") and len(text) == 36 and set(text[4:]) <= set("0123456789abcdef")
