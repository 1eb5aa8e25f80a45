"""The admin pages of suppressions: addresses to which nothing is sent any more, why, and how one is lifted."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import Address
from notifier.policy.calendar import rfc3339
from notifier.policy.fields import NAME, has_controls
from notifier.store.admins import Admins, Role
from notifier.store.directory import Contact
from notifier.store.suppressions import LOOKED, Cause, Sheet, Sought, Suppressions, all_of
from notifier.web.admin.contacts import may, shown
from notifier.web.admin.guard import admins_only
from notifier.web.admin.tables import csv_rows
from notifier.web.parts import WebParts, parts
from notifier.web.paths import is_id

bp = Blueprint("admin_suppressions", __name__, url_prefix="/admin/suppressions")

PAGE = 50
CAUSES = {
    Cause.REFUSED: "refused by the provider",
    Cause.REMOVED: "removed by the person",
    Cause.CROWDED_OUT: "made room for a newer device",
}
HEAD = ("since", "channel", "address", "person", "last_sent_at", "reason")


class WrongFilter(ValueError):
    """A filter that nothing can match; the message says what would be right."""


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str | tuple[str, int]:
    """Addresses that are gone, the latest first."""
    cursor = request.args.get("cursor", "")
    try:
        sought = _sought()
    except WrongFilter as wrong:
        return _list(Sheet([]), wrong=str(wrong)), 422
    with parts().database.read() as connection:
        suppressions = Suppressions(connection)
        before = suppressions.find(cursor) if is_id(cursor, "sub") else None
        if cursor and before is None:
            return _list(Sheet([]), wrong="This page is not there any more; begin with the latest."), 422
        found = suppressions.page(Sought(sought.channel, sought.cause, sought.text, before), PAGE)
    return _list(found)


@bp.get("/export.csv")
@admins_only(Role.OPERATOR)
def export() -> AnyResponse:
    """All of the filter, as a CSV file that is written while it is read."""
    try:
        sought = _sought()
    except WrongFilter as wrong:
        abort(422, str(wrong))
    with parts().database.write() as connection:
        Admins(connection).note(g.admin.email, "suppressions.export", _filter_said(sought), parts().clock())
    answer = Response(csv_rows(HEAD, _cells(parts(), sought)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/<sub:address_id>/lift")
@admins_only(Role.OPERATOR)
def ask_lift(address_id: str) -> str:
    """Say what follows when this suppression is lifted, and ask."""
    with parts().database.read() as connection:
        contact = _known(Suppressions(connection).find(address_id), address_id)
    return render_template("admin/lift.html", row=shown(contact))


@bp.post("/<sub:address_id>/lift")
@admins_only(Role.OPERATOR)
def lift(address_id: str) -> AnyResponse:
    """Send to this address again."""
    who, now = g.admin.email, parts().clock()
    contact, lifted = parts().database.transact(partial(_lifted, address_id=address_id, who=who, now=now))
    if lifted:
        flash("The suppression is lifted: from now on messages go to this address again.")
    else:
        flash("Nothing was changed: the person gave this address up themselves.")
    return redirect(url_for("admin_people.show", user_id=contact.user))


def _lifted(connection: Connection, *, address_id: str, who: str, now: datetime) -> tuple[Contact, bool]:
    suppressions = Suppressions(connection)
    contact = _known(suppressions.find(address_id), address_id)
    lifted = suppressions.lift(address_id)
    if lifted:
        Admins(connection).note(who, "suppression.lift", f"{contact.user!r} {contact.channel} {address_id}", now)
    return contact, lifted


def _sought() -> Sought:
    """What the address asks for. Raises `WrongFilter`."""
    channel, cause = request.args.get("channel", ""), request.args.get("cause", "")
    text = request.args.get("q", "").strip()
    known = _channels()
    if channel and channel not in known:
        raise WrongFilter(f"The channel must be one of: {', '.join(known)}.")
    if cause and cause not in set(Cause):
        raise WrongFilter(f"The cause must be one of: {', '.join(Cause)}.")
    if len(text) > NAME or has_controls(text):
        raise WrongFilter(f"The text must have at most {NAME} characters, and no control characters.")
    return Sought(channel, Cause(cause) if cause else None, text)


def _channels() -> tuple[str, ...]:
    """Those on which somebody has addresses."""
    heard = dict.fromkeys(channel for kind in parts().catalogue.heard for channel in kind.cadences)
    return tuple(channel for channel in heard if channel not in parts().standing)


def _list(found: Sheet, *, wrong: str = "") -> str:
    given = {name: value for name in ("channel", "cause", "q") if (value := request.args.get(name, "").strip())}
    return render_template(
        "admin/suppressions.html",
        rows=[shown(contact) for contact in found.contacts],
        given=given,
        wrong=wrong,
        cursor=request.args.get("cursor", ""),
        older=found.next.id if found.next else "",
        looked=LOOKED,
        looked_to=found.looked_to,
        channels=_channels(),
        causes={str(cause): words for cause, words in CAUSES.items()},
        may_operate=may(Role.OPERATOR),
    )


def _cells(given: WebParts, sought: Sought) -> Iterator[tuple[str, ...]]:
    for one in all_of(given.database, sought):
        address = given.named(one.channel, Address(one.id, one.value)) if one.value else ""
        since, sent = (rfc3339(at) if at else "" for at in (one.gone_at, one.last_sent_at))
        yield since, one.channel, address, one.user, sent, one.gone_why


def _filter_said(sought: Sought) -> str:
    parts_ = (f"channel {sought.channel}" if sought.channel else "", sought.cause or "", sought.text)
    return ", ".join(filter(None, parts_)) or "all"


def _known(contact: Contact | None, address_id: str) -> Contact:
    if contact is None:
        abort(404, f"The address {address_id} is not suppressed, or there is none of that id.")
    return contact
