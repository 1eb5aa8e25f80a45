"""Links that people click in a mail: no login, no cookie, and GET changes nothing (RFC 8058)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response, render_template, request, url_for
from sqlalchemy import Connection

from notifier.languages import Language
from notifier.languages.templates import said_in
from notifier.languages.things import kind_name
from notifier.policy.catalogue import Kind
from notifier.policy.choices import CAP, Author
from notifier.policy.links import PREFERENCES, UNSUBSCRIBE, digest_mark, sealed, type_mark, unsealed
from notifier.policy.words import Cadence
from notifier.store.choices import Choices, Chosen
from notifier.web.access import guarded_by
from notifier.web.link_pages import (
    CHANNEL,
    address_of,
    has_run_out,
    link_mailed,
    link_pages,
    masked,
    owner_of,
    read_link,
    unknown_link,
)
from notifier.web.parts import parts

bp = link_pages("public", __name__)

# Each digest, and the rarer one that can come instead.
DIGESTS = {Cadence.HOURLY: Cadence.DAILY, Cadence.DAILY: Cadence.WEEKLY, Cadence.WEEKLY: None}

Cadences = Mapping[str, str | None]  # by a type's long name; None is the default


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an unsubscribe link is about, and what: mails of a type, or the digest of a cadence."""

    user: str
    about: Kind | Cadence
    address_id: str
    address: str
    language: Language


@bp.get("/u/<string:token>")
@guarded_by("link")
def unsubscribe_page(token: str) -> str | tuple[str, int]:
    """Ask what to stop. Mail scanners open every link, so that opening one must change nothing."""
    subject = _subject(token)
    return _page(subject) if subject else unknown_link()


@bp.post("/u/<string:token>")
@guarded_by("link")
def unsubscribe(token: str) -> str | Response | tuple[str, int]:
    """Stop at once. A mail program posts `List-Unsubscribe=One-Click`; the page posts what was chosen."""
    subject = _subject(token)
    if subject is None:
        return unknown_link()
    if "settings" in request.form:
        # The link to stop mail never runs out, and stands in a header; it must not open what waits for a person.
        return link_mailed(subject.address_id)
    if "undo" in request.form:
        return _undo(subject, token, request.form["undo"])
    stop = request.form.get("stop", "")
    done = stop if stop in _offered(subject.about) else "this"
    undo = _stop(subject, token, done)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return Response("Unsubscribed.\n", content_type="text/plain; charset=utf-8")
    return _page(subject, done, undo)


def _page(subject: Subject, done: str = "", undo: str = "") -> str:
    language, about = subject.language, subject.about
    words = said_in(language)
    shown = {"language": language, "address": subject.address, "done": done, "undo": undo, **words}
    shown["settings"] = _settings(subject)
    if isinstance(about, Kind):
        return render_template("public/unsubscribe.html", kind=kind_name(language, about.name), **shown)
    return render_template("public/unsubscribe_digest.html", cadence=about, rarer=DIGESTS[about], **shown)


def _settings(subject: Subject) -> str:
    """Where the settings are, if the text of a mail led here: it names its own link to them, which the header does not.

    Empty where it has run out, or is another's.
    """
    token = request.args.get("settings", "")
    link = read_link(PREFERENCES, token)
    if link is None or has_run_out(link) or address_of(link) != subject.address_id:
        return ""
    return url_for("chosen.show", token=token)


def _subject(token: str) -> Subject | None:
    link = read_link(UNSUBSCRIBE, token)
    if link is None:
        return None
    about, owner = _about(link.mark), owner_of(address_of(link))
    if owner is None or about is None:
        return None
    user, value, profile = owner
    language = parts().languages.speak(profile.locale if profile else "")
    return Subject(user, about, address_of(link), masked(address_of(link), value), language)


def _about(mark: bytes) -> Kind | Cadence | None:
    """The type or the digest that a link's mark stands for."""
    marks: dict[bytes, Kind | Cadence] = {digest_mark(cadence): cadence for cadence in DIGESTS}
    return (marks | {type_mark(kind.name): kind for kind in _stoppable()}).get(mark)


def _stoppable() -> list[Kind]:
    """The types that a person can turn off."""
    return [kind for kind in parts().catalogue.heard if not kind.mandatory]


def _offered(about: Kind | Cadence) -> tuple[str, ...]:
    """What can be chosen instead of stopping just this."""
    if isinstance(about, Kind):
        return ("daily", "all")
    rarer = DIGESTS[about]
    return (rarer, "all") if rarer else ("all",)


def _stop(subject: Subject, token: str, done: str) -> str:
    """Stop what was chosen; gives what undoes it: the choices that stood before, sealed."""
    cadence = Cadence.OFF if done in ("this", "all") else Cadence(done)
    through = "one_click" if request.form.get("List-Unsubscribe") == "One-Click" else "link"

    def wanted(chosen: Chosen) -> Cadences:
        return {kind.name: cadence for kind in _stoppable() if done == "all" or _concerns(subject.about, kind, chosen)}

    before = _choose(subject, wanted, through)
    return sealed(parts().link_secret, _undo_purpose(token), json.dumps(before))


def _concerns(about: Kind | Cadence, kind: Kind, chosen: Chosen) -> bool:
    """Whether a type is what the link is about; a digest's are those that the person hears in it."""
    if isinstance(about, Kind):
        return kind.name == about.name
    cadence = chosen.get((kind.name, CHANNEL)) or kind.cadences[CHANNEL]
    if cadence == Cadence.INSTANT and "caps" not in kind.passes and _none_at_once(chosen):
        cadence = Cadence.DAILY
    return cadence == about


def _none_at_once(chosen: Chosen) -> bool:
    """Whether the person's cap lets no mail out at once: then all that it holds comes daily."""
    cap = chosen.get((CAP, CHANNEL))
    return (parts().catalogue.caps.get(CHANNEL) if cap is None else int(cap)) == 0


def _undo(subject: Subject, token: str, given: str) -> str | tuple[str, int]:
    """Put the choices back that stood before, the person's own and the catalogue's alike."""
    before = unsealed(parts().link_secret, _undo_purpose(token), given)
    if before is None:
        return unknown_link()
    _choose(subject, lambda _: json.loads(before), "link")
    return _page(subject, "undo")


def _choose(subject: Subject, wanted: Callable[[Chosen], Cadences], through: str) -> Cadences:
    """Choose for mails what is wanted, given all that the person chose so far; gives their choices of before."""

    def change(connection: Connection) -> Cadences:
        choices, user, now = Choices(connection), subject.user, parts().clock()
        choices.lock([user], now)
        before = choices.of([user])[user]
        cadences = wanted(before)
        wishes = {(type_, CHANNEL): cadence for type_, cadence in cadences.items()}
        choices.change({user: wishes}, Author("person", through), now)
        return {type_: before.get((type_, CHANNEL)) for type_ in cadences}

    return parts().database.transact(change)


def _undo_purpose(token: str) -> str:
    return f"undo {token}"
