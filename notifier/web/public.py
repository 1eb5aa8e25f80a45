"""Links that people click in a mail: no login, no cookie, and GET changes nothing (RFC 8058)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request
from sqlalchemy import Connection

from notifier.channels import Address
from notifier.languages import Language
from notifier.languages.templates import said_in
from notifier.languages.things import kind_name
from notifier.policy.catalogue import Kind
from notifier.policy.choices import Author
from notifier.policy.links import read_token, sealed, type_mark, unsealed
from notifier.policy.words import Cadence
from notifier.store.choices import Choices
from notifier.store.people import People
from notifier.web.access import guarded_by
from notifier.web.parts import parts

bp = Blueprint("public", __name__)

PURPOSE = "unsubscribe"
CHANNEL = "email"  # the only one whose messages carry these links


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what an unsubscribe link is about."""

    user: str
    kind: Kind
    address: str
    language: Language


@bp.get("/u/<string:token>")
@guarded_by("link")
def unsubscribe_page(token: str) -> str | tuple[str, int]:
    """Ask what to stop. Mail scanners open every link, so that opening one must change nothing."""
    subject = _subject(token)
    return _page(subject) if subject else _unknown_link()


@bp.post("/u/<string:token>")
@guarded_by("link")
def unsubscribe(token: str) -> str | Response | tuple[str, int]:
    """Stop at once. A mail program posts `List-Unsubscribe=One-Click`; the page posts what was chosen."""
    subject = _subject(token)
    if subject is None:
        return _unknown_link()
    if "undo" in request.form:
        return _undo(subject, token, request.form["undo"])
    stop = request.form.get("stop", "")
    done = stop if stop in ("all", "daily") else "type"
    undo = _stop(subject, token, done)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return Response("Unsubscribed.\n", content_type="text/plain; charset=utf-8")
    return _page(subject, done, undo)


def _page(subject: Subject, done: str = "", undo: str = "") -> str:
    language = subject.language
    kind = kind_name(language, subject.kind.name)
    words = said_in(language)
    return render_template(
        "unsubscribe.html", language=language, kind=kind, subject=subject, done=done, undo=undo, **words
    )


def _unknown_link() -> tuple[str, int]:
    # Nobody is known here; the browser says what its owner reads.
    languages = parts().languages
    asked = request.accept_languages.best_match([tag.replace("_", "-") for tag in languages.tags], "en")
    language = languages.speak(asked)
    return render_template("link_unknown.html", language=language, **said_in(language)), 404


def _subject(token: str) -> Subject | None:
    link = read_token(parts().link_secret, PURPOSE, token)
    if link is None:
        return None
    kinds = [kind for kind in _stoppable() if type_mark(kind.name) == link.type]
    address_id = f"sub_{link.address.hex()}"
    with parts().database.read() as connection:
        people = People(connection)
        owner = people.owner(address_id)
        profile = people.profile(owner[0]) if owner else None
    if owner is None or not kinds:
        return None
    user, value = owner
    language = parts().languages.speak(profile.locale if profile else "")
    return Subject(user, kinds[0], parts().masked(CHANNEL, Address(address_id, value)), language)


def _stoppable() -> list[Kind]:
    """The types that a person can turn off."""
    return [kind for kind in parts().catalogue.heard if not kind.mandatory]


def _stop(subject: Subject, token: str, done: str) -> str:
    """Stop what was chosen; gives what undoes it: the choices that stood before, sealed."""
    types = [kind.name for kind in _stoppable()] if done == "all" else [subject.kind.name]
    through = "one_click" if request.form.get("List-Unsubscribe") == "One-Click" else "link"
    cadence = Cadence.DAILY if done == "daily" else Cadence.OFF
    before = _choose(subject, dict.fromkeys(types, cadence), through)
    return sealed(parts().link_secret, _undo_purpose(token), json.dumps(before))


def _undo(subject: Subject, token: str, given: str) -> str | tuple[str, int]:
    """Put the choices back that stood before, the person's own and the catalogue's alike."""
    before = unsealed(parts().link_secret, _undo_purpose(token), given)
    if before is None:
        return _unknown_link()
    _choose(subject, json.loads(before), "link")
    return _page(subject, "undo")


def _choose(subject: Subject, cadences: Mapping[str, str | None], through: str) -> dict[str, str | None]:
    """Choose for mails of these types; gives the person's own choices of before."""

    def change(connection: Connection) -> dict[str, str | None]:
        choices, user, now = Choices(connection), subject.user, parts().clock()
        choices.lock([user], now)
        before = choices.of([user])[user]
        wishes = {(type_, CHANNEL): cadence for type_, cadence in cadences.items()}
        choices.change({user: wishes}, Author("person", through), now)
        return {type_: before.get((type_, CHANNEL)) for type_ in cadences}

    return parts().database.transact(change)


def _undo_purpose(token: str) -> str:
    return f"undo {token}"
