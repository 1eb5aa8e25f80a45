"""Links that people click in a mail: no login, no cookie, and GET changes nothing (RFC 8058)."""

from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request

from notifier.channels import Address
from notifier.policy.catalogue import Kind
from notifier.policy.links import read_token, type_mark
from notifier.policy.words import Cadence
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


@bp.get("/u/<string:token>")
@guarded_by("link")
def unsubscribe_page(token: str) -> str | tuple[str, int]:
    """Ask what to stop. Mail scanners open every link, so that opening one must change nothing."""
    subject = _subject(token)
    if subject is None:
        return render_template("link_unknown.html"), 404
    return render_template("unsubscribe.html", subject=subject, done="")


@bp.post("/u/<string:token>")
@guarded_by("link")
def unsubscribe(token: str) -> str | Response | tuple[str, int]:
    """Stop at once. A mail program posts `List-Unsubscribe=One-Click`; the page posts what was chosen."""
    subject = _subject(token)
    if subject is None:
        return render_template("link_unknown.html"), 404
    wanted = request.form.get("stop", "type")
    _choose(subject, wanted)
    if request.form.get("List-Unsubscribe") == "One-Click":
        return Response("Unsubscribed.\n", content_type="text/plain; charset=utf-8")
    return render_template("unsubscribe.html", subject=subject, done=wanted)


def _subject(token: str) -> Subject | None:
    link = read_token(parts().link_secret, PURPOSE, token)
    if link is None:
        return None
    kinds = [kind for kind in parts().catalogue.kinds.values() if type_mark(kind.name) == link.type]
    address_id = f"sub_{link.address.hex()}"
    with parts().database.read() as connection:
        owner = People(connection).owner(address_id)
    if owner is None or not kinds:
        return None
    user, value = owner
    return Subject(user, kinds[0], parts().masked(CHANNEL, Address(address_id, value)))


def _choose(subject: Subject, wanted: str) -> None:
    every = [kind.name for kind in parts().catalogue.kinds.values()]
    types = every if wanted == "all" else [subject.kind.name]
    cadence = None if wanted == "undo" else Cadence.OFF
    chosen = dict.fromkeys([(type_, CHANNEL) for type_ in types], cadence)
    with parts().database.write() as connection:
        People(connection).choose(subject.user, chosen, by="link", now=parts().clock())
