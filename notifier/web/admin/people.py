"""The admin pages of people: the list, one person with all that is known, and what is done for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import BadAddress
from notifier.pipeline.erase import Eraser
from notifier.pipeline.trial import Trial
from notifier.policy.fields import id_fault
from notifier.store.admins import Admins, Role
from notifier.store.directory import ACTIVE, SUPPRESSED, Contact, Directory, Entry
from notifier.store.export import export_text
from notifier.store.people import People
from notifier.web.admin.contacts import address_of, may, may_see_addresses
from notifier.web.admin.guard import admins_only
from notifier.web.admin.person import person_page
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_people", __name__, url_prefix="/admin/people")

PAGE = 50
NEWEST, BY_ID = "newest", "id"
Page = str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Way:
    """How a person is reached on a channel: by how many addresses, and one of them."""

    channel: str
    state: str
    count: int
    address: str


@dataclass(frozen=True, slots=True)
class Row:
    """A person in the list."""

    person: Entry
    ways: tuple[Way, ...]


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> Page:
    """People, the newest first; or those whose id begins so, or whose mail address this is."""
    sought, cursor = request.args.get("q", "").strip(), request.args.get("cursor", "")
    for text in filter(None, (sought, cursor)):
        if fault := id_fault(text):
            return _list([], wrong=f"What you look for {fault}."), 422
    order = BY_ID if sought or request.args.get("order") == BY_ID else NEWEST
    with parts().database.read() as connection:
        directory = Directory(connection)
        before = directory.find(cursor) if cursor and order == NEWEST else None
        if cursor and order == NEWEST and before is None:
            return _list([], wrong="This page of people is not there any more; begin with the newest."), 422
        if order == NEWEST:
            found = directory.newest(PAGE + 1, before)
        else:
            found = directory.by_id(PAGE + 1, prefix=sought, after=cursor)
        reached = [] if cursor else _by_mailbox(directory, sought)
        known = not found and not reached and sought and directory.is_told(sought)
    return _list(found, reached, order=order, known=bool(known))


@bp.get("/<user:user_id>")
@admins_only(Role.VIEWER)
def show(user_id: str) -> str:
    """One person: how they are reached, what they chose, and what became of what they were told."""
    history = request.args.get("history", "")
    with parts().database.read() as connection:
        _known(connection, user_id)
        shown = person_page(connection, user_id, history if is_id(history, "chg") else "")
    return render_template("admin/person.html", one=shown, may_operate=may(Role.OPERATOR), may_own=may(Role.OWNER))


@bp.post("/<user:user_id>/addresses/<sub:address_id>/test")
@admins_only(Role.OPERATOR)
def test(user_id: str, address_id: str) -> AnyResponse:
    """Send a test message to this address alone; its delivery's page shows how it goes."""
    delivery = Trial(parts().database, parts().clock).send(user_id, address_id, who=g.admin.email)
    if delivery is None:
        flash("Nothing was sent: the person has no such address, or it is gone.")
        return _to(user_id)
    flash("A test message is on its way; reload this page to see how it goes.")
    return redirect(url_for("admin_deliveries.show", delivery_id=delivery))


@bp.post("/<user:user_id>/addresses/<sub:address_id>/remove")
@admins_only(Role.OPERATOR)
def remove(user_id: str, address_id: str) -> AnyResponse:
    """Send nothing more to this device."""
    now = parts().clock()

    def act(connection: Connection) -> bool:
        removed = People(connection).drop_device(user_id, address_id, now)
        if removed:
            Admins(connection).note(g.admin.email, "device.remove", f"{user_id!r} {address_id}", now)
        return removed

    removed = parts().database.transact(act)
    flash("The device is removed: it gets nothing more." if removed else "The person has no such device.")
    return _to(user_id)


@bp.post("/<user:user_id>/export")
@admins_only(Role.OPERATOR)
def export(user_id: str) -> Response:
    """Everything that is held about the person, as a file."""
    with parts().database.read() as connection:
        _known(connection, user_id)
    text = export_text(parts().database, user_id, who=g.admin.email, now=parts().clock())
    answer = Response(text, content_type="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="person.json"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/<user:user_id>/erase")
@admins_only(Role.OWNER)
def ask_erase(user_id: str) -> str:
    """Say what goes when the person is erased, and ask for their id."""
    return render_template("admin/erase.html", user=user_id)


@bp.post("/<user:user_id>/erase")
@admins_only(Role.OWNER)
def erase(user_id: str) -> AnyResponse | Page:
    """Erase the person everywhere, as `DELETE /v1/users/{id}` does.

    Whoever is unknown may be left over in events, where an erasure was broken off: it is not asked for in vain.
    """
    if request.form.get("typed", "") != user_id:
        return render_template("admin/erase.html", user=user_id, wrong=True), 422
    name = Eraser(parts().database, parts().catalogue, parts().clock).erase(user_id, who=g.admin.email)
    flash(f"The person is erased. In the records {name} stands for them.")
    return redirect(url_for("admin_people.page"))


def _by_mailbox(directory: Directory, sought: str) -> list[Entry]:
    """Those whose mail address this is; whoever sees no addresses finds nobody by one."""
    if "@" not in sought or not may_see_addresses():
        return []
    try:
        return directory.by_mailbox(parts().parse_mailbox(sought), PAGE)
    except BadAddress:
        return []  # it may be an id all the same


def _list(
    found: Sequence[Entry],
    reached: Sequence[Entry] = (),
    *,
    order: str = NEWEST,
    known: bool = False,
    wrong: str = "",
) -> str:
    others = [one for one in found[:PAGE] if one.id not in {same.id for same in reached}]
    return render_template(
        "admin/people.html",
        rows=[_row(one) for one in (*reached, *others)],
        sought=request.args.get("q", "").strip(),
        order=order,
        known=known,
        wrong=wrong,
        cursor=request.args.get("cursor", ""),
        after=found[PAGE - 1].id if len(found) > PAGE else "",
        may_see_addresses=may_see_addresses(),
    )


def _row(person: Entry) -> Row:
    return Row(person, tuple(_way(list(same)) for _, same in groupby(person.contacts, key=attrgetter("channel"))))


def _way(contacts: Sequence[Contact]) -> Way:
    """What one channel comes to: one live address is enough."""
    best = min(contacts, key=lambda one: (one.state != ACTIVE, one.state != SUPPRESSED))
    count = sum(one.state == best.state for one in contacts)
    return Way(best.channel, best.state, count, address_of(best, whole=may_see_addresses()))


def _known(connection: Connection, user: str) -> None:
    directory = Directory(connection)
    if directory.find(user) is None and not directory.is_told(user):
        abort(404, f"Nothing is known of a person {user}.")


def _to(user: str) -> AnyResponse:
    return redirect(url_for("admin_people.show", user_id=user))
