"""The page where people see what waits for them and choose what comes: no login, no script, and GET changes nothing."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import request
from sqlalchemy import Connection

from notifier.languages import Language
from notifier.languages.when import when
from notifier.policy.choices import CAP, PAUSED_UNTIL, Author, What, pause_text, wrong_pause
from notifier.policy.links import PREFERENCES, Link, sealed, unsealed
from notifier.policy.steering import Which, moment_on_clock, wrong_moment
from notifier.store.choices import Choices
from notifier.store.people import People
from notifier.web import choosing
from notifier.web.access import guarded_by
from notifier.web.choosing import FAULTS, LOCALE, MOST, ZONE, Asked
from notifier.web.chosen_page import Holder, Said, page
from notifier.web.link_pages import (
    address_of,
    has_run_out,
    link_pages,
    masked,
    old_link,
    owner_of,
    read_link,
    unknown_link,
)
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = link_pages("chosen", __name__)

AUTHOR = Author("person", "page")
WEEK = timedelta(days=7)


@bp.get("/p/<string:token>")
@guarded_by("link")
def show(token: str) -> str | tuple[str, int]:
    """What waits, and what was chosen. Mail scanners open every link, so that opening one must change nothing."""
    link = read_link(PREFERENCES, token)
    if link and has_run_out(link):
        return old_link(address_of(link))
    holder = _holder(token, link)
    return page(holder) if holder else unknown_link()


@bp.post("/p/<string:token>")
@guarded_by("link")
def change(token: str) -> str | tuple[str, int]:
    """Do what was asked for: save, turn off, pause, undo; send, skip or move what waits; or renew an old link."""
    link = read_link(PREFERENCES, token)
    if link and has_run_out(link):
        return old_link(address_of(link))
    holder = _holder(token, link)
    if holder is None:
        return unknown_link()
    act = ACTS.get(request.form.get("act", ""), _nothing)
    said = act(holder)
    return page(_holder(token, link) or holder, said), 422 if said.wrong else 200


def _holder(token: str, link: Link | None) -> Holder | None:
    owner = owner_of(address_of(link)) if link else None
    if link is None or owner is None:
        return None
    user, value, profile = owner
    language = parts().languages.speak(profile.locale if profile else "")
    return Holder(token, address_of(link), user, profile, masked(address_of(link), value), language)


def _nothing(holder: Holder) -> Said:
    """Nobody asked for anything that we know."""
    return Said(holder.language.gettext("Nothing was changed."), wrong=True)


def _save(holder: Holder) -> Said:
    language = holder.language
    zone = holder.profile.timezone if holder.profile else "UTC"
    wanted = choosing.asked(request.form, choosing.fields_of({}, zone, language.tag))
    if wanted.faults:
        faults = [language.gettext(FAULTS[section], **_parts_of(section)) for section in wanted.faults]
        return Said(" ".join([language.gettext("Nothing was changed."), *faults]), wrong=True)
    undo = _change(holder, wanted)
    return Said(_speaking(holder).gettext("Saved."), undo=undo)


def _speaking(holder: Holder) -> Language:
    """The person's language as of now: they may just have chosen another."""
    with parts().database.read() as connection:
        profile = People(connection).profile(holder.user)
    return parts().languages.speak(profile.locale if profile else "")


def _parts_of(section: str) -> dict[str, object]:
    return {"most": MOST} if section == CAP else {}


def _turn_off(holder: Holder) -> Said:
    undo = _change(holder, Asked(choosing.everything_off()))
    return Said(holder.language.gettext("Everything is turned off."), undo=undo)


def _pause_a_week(holder: Holder) -> Said:
    # By the clock on the wall, also where clocks change meanwhile.
    return _pause(holder, (parts().clock().astimezone(holder.zone) + WEEK).astimezone(UTC))


def _pause_until(holder: Holder) -> Said:
    until = moment_on_clock(request.form.get("until", ""), holder.zone.key)
    if until is None or wrong_pause(until, parts().clock()):
        text = holder.language.gettext("Choose a moment that lies ahead, within three months.")
        return Said(text, wrong=True)
    return _pause(holder, until)


def _pause(holder: Holder, until: datetime) -> Said:
    language, now = holder.language, parts().clock()
    undo = _change(holder, Asked({PAUSED_UNTIL: pause_text(until)}))
    return Said(
        language.gettext("Everything is paused until %(when)s.", when=when(language, until, now, holder.zone)),
        undo=undo,
    )


def _resume(holder: Holder) -> Said:
    undo = _change(holder, Asked({PAUSED_UNTIL: None}))
    return Said(holder.language.gettext("The pause is over. What waited is on its way."), undo=undo)


def _undo(holder: Holder) -> Said:
    """Put back what stood before, the person's own choices and the defaults alike."""
    before = unsealed(parts().link_secret, _undo_purpose(holder), request.form.get("undo", ""))
    if before is None:
        return _nothing(holder)
    choices, profile = json.loads(before)
    _change(holder, Asked({(what[0], what[1]): value for *what, value in choices}, **profile))
    return Said(_speaking(holder).gettext("It is as it was before."))


def _change(holder: Holder, wanted: Asked) -> str:
    """Change what is asked for; gives what undoes it, nothing where all stands as it stood."""

    def work(connection: Connection) -> tuple[Mapping[What, str], dict[str, str]]:
        choices, people, now = Choices(connection), People(connection), parts().clock()
        choices.lock([holder.user], now)
        before, profile = choices.of([holder.user])[holder.user], people.profile(holder.user)
        if wanted.profile:
            people.save(holder.user, wanted.profile, now)
        choices.change({holder.user: wanted.wishes}, AUTHOR, now)
        known = {ZONE: profile.timezone, LOCALE: profile.locale} if profile else {}
        return before, {name: value for name, value in known.items() if wanted.profile.get(name, value) != value}

    before, profile = parts().database.transact(work)
    changed = [[*what, before.get(what)] for what, value in wanted.wishes.items() if before.get(what) != value]
    if not changed and not profile:
        return ""
    # By the names that `Asked` has for them.
    known = {"zone": profile.get(ZONE), "locale": profile.get(LOCALE)}
    return sealed(parts().link_secret, _undo_purpose(holder), json.dumps([changed, known]))


def _undo_purpose(holder: Holder) -> str:
    return f"undo {PREFERENCES} {holder.token}"


def _send(holder: Holder) -> Said:
    sent = _meant(partial(parts().steering.send, holder.user))
    return Said(holder.language.gettext("It is on its way.")) if sent else _gone(holder)


def _skip(holder: Holder) -> Said:
    skipped = _meant(partial(parts().steering.skip, holder.user))
    return Said(holder.language.gettext("Skipped. What waited is not sent.")) if skipped else _gone(holder)


def _move(holder: Holder) -> Said:
    language, now = holder.language, parts().clock()
    at = moment_on_clock(request.form.get("at", ""), holder.zone.key)
    if at is None or wrong_moment(at, now):
        return Said(language.gettext("Choose a moment that lies ahead, within a month."), wrong=True)
    moved = _meant(lambda which, who: parts().steering.move(holder.user, which, at, who=who))
    if not moved:
        return _gone(holder)
    return Said(language.gettext("Moved: it comes %(when)s.", when=when(language, at, now, holder.zone)))


def _forget(holder: Holder) -> Said:
    """A device gets no more pushes; only its browser can ask for them again."""
    device = request.form.get("device", "")
    with parts().database.write() as connection:
        known = is_id(device, "sub") and People(connection).drop_device(holder.user, device, parts().clock())
    return Said(holder.language.gettext("Removed. This browser gets nothing more.")) if known else _nothing(holder)


def _meant(steer: Callable[..., list[Any]]) -> list[Any]:
    """Steer the digest that stands on the page, if it is an id at all."""
    digest = request.form.get("digest", "")
    return steer(Which(id=digest), who=AUTHOR.by) if is_id(digest, "dig") else []


def _gone(holder: Holder) -> Said:
    return Said(holder.language.gettext("This digest does not wait any more."))


ACTS: Mapping[str, Callable[[Holder], Said]] = {
    "save": _save,
    "off": _turn_off,
    "pause-week": _pause_a_week,
    "pause": _pause_until,
    "resume": _resume,
    "undo": _undo,
    "send": _send,
    "skip": _skip,
    "move": _move,
    "forget": _forget,
}
