"""The find box in the frame of the admin pages: the id of anything leads to its page."""

import re
from urllib.parse import quote

from flask import Blueprint, flash, g, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import BadAddress
from notifier.policy.fields import ID, id_fault
from notifier.store.admins import Role
from notifier.store.events import Events
from notifier.store.finding import Finding
from notifier.web.admin.events import person_path
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_find", __name__, url_prefix="/admin/find")

_ID = re.compile(r"([a-z]{3})_[0-9a-f]{32}")
_MESSAGE_ID = re.compile(r"<?(dlv_[0-9a-f]{32})@[^<>@\s]+>?")
# Ids that name their page themselves, which says so where there is no such thing.
PAGES = {
    "evt": "events",
    "dlv": "deliveries",
    "dig": "digests",
    "app": "apps",
    "sch": "schedules",
    "job": "jobs",
    "ast": "media",
}


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> AnyResponse:
    """Go where the text leads; into the delivery log where it leads nowhere else."""
    text = request.args.get("q", "").strip()[:ID]
    if not text or id_fault(text):
        return redirect(url_for("admin_deliveries.page"))
    message = _MESSAGE_ID.fullmatch(text)
    if address := _page_of(message[1] if message else text):
        return redirect(address)
    with parts().database.read() as connection:
        if address := _sought(connection, text):
            return redirect(address)
    if _is_mailbox(text) and not _may_see_mailboxes():
        flash("Only operators and owners find people by their mail address.")
        return redirect(url_for("admin_deliveries.page"))
    flash("Nothing has this id, key or address. This is the delivery log, searched for it.")
    return redirect(url_for("admin_deliveries.page", q=text))


def _page_of(text: str) -> str:
    kind = _ID.fullmatch(text)
    return f"/admin/{PAGES[kind[1]]}/{text}" if kind and kind[1] in PAGES else ""


def _sought(connection: Connection, text: str) -> str:
    """The page that the text leads to by what is stored; empty where there is none."""
    finding = Finding(connection)
    delivery: str | None = None
    person: str | None = None
    if is_id(text, "att"):
        delivery = finding.delivery_of_attempt(text)
    elif is_id(text, "ntf"):
        delivery = finding.delivery_of_notification(text)
    elif is_id(text, "sub"):
        person = finding.person_at(text)
    elif finding.is_known(text):
        person = text
    if delivery:
        return url_for("admin_deliveries.show", delivery_id=delivery)
    if person:
        return person_path(person)
    if _is_mailbox(text) and _may_see_mailboxes() and (address := _people_with(finding, text)):
        return address
    event = Events(connection).under(text)
    return url_for("admin_events.show", event_id=event) if event else ""


def _people_with(finding: Finding, text: str) -> str:
    try:
        found = finding.people_with(parts().parse_mailbox(text), most=2)
    except BadAddress:
        return ""
    if len(found) == 1:
        return person_path(found[0])
    return f"/admin/people?q={quote(text, safe='')}" if found else ""


def _is_mailbox(text: str) -> bool:
    return "@" in text and " " not in text


def _may_see_mailboxes() -> bool:
    return bool(g.admin.role.includes(Role.OPERATOR))
