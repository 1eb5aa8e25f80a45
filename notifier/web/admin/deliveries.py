"""The admin page of the delivery log: what was sent and what was not, with filters, live, and as a file."""

from dataclasses import dataclass, replace

from flask import Blueprint, Response, abort, g, render_template, request, session, stream_with_context

from notifier.policy.catalogue import CHANNELS
from notifier.policy.words import Reason, State, sentence_of
from notifier.store.admins import Admins, Role
from notifier.store.browsing import Browsing, Sheet, export
from notifier.store.log import Entry, Log
from notifier.store.types import id_after, id_at, id_before
from notifier.web.admin.guard import admins_only
from notifier.web.admin.log_filter import USUAL, WINDOWS, Asked, asked, asked_or_refused
from notifier.web.admin.tables import csv_rows
from notifier.web.admin.words import age, share, span
from notifier.web.deliveries import cursor_at, place_of
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.problems import Problem
from notifier.web.shapes import masked_address, moment, moment_or_null

bp = Blueprint("admin_deliveries", __name__, url_prefix="/admin/deliveries")

PAGE = 50
MANY = 100  # new ones are counted no further
MOST_ROWS = 1_000_000  # of a file
COLUMNS = (
    "id", "state", "reason", "channel", "type", "queue", "user", "address", "tries", "last_code", "created_at",
    "due_at", "sent_at", "app", "retry_of",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as a page shows it. `said` is what the provider said last."""

    entry: Entry
    address: str
    sentence: str
    said: str = ""


bp.add_app_template_filter(age, "age")


@bp.app_context_processor
def short_words() -> dict[str, object]:
    """How templates say spans of time and shares."""
    return {"span": span, "share": share}


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str | tuple[str, int]:
    """The delivery log, newest first, with its filters in the address."""
    try:
        wish = asked()
    except Problem as problem:
        return render_template("admin/deliveries.html", problem=problem, given=request.args, **_choices()), 422
    if request.args.get("live") in ("0", "1"):
        session["live"] = request.args["live"] == "1"
    sheet = _sheet(wish, request.args.get("newer", ""))
    newest = sheet.entries[0].id if sheet.entries else id_at("dlv", parts().clock())
    oldest = sheet.entries[-1].id if sheet.entries else newest
    return render_template(
        "admin/deliveries.html",
        wish=wish,
        given=request.args,
        rows=_rows(sheet),
        sheet=sheet,
        cursor_at=cursor_at,
        may_live=not sheet.newer,
        live=bool(session.get("live")) and not sheet.newer,
        between={"newest": newest, "oldest": oldest},
        news=0,
        problem=None,
        **_choices(),
    )


@bp.get("/rows")
@admins_only(Role.VIEWER)
def rows() -> str:
    """The rows of a page as they stand now, and how many have come since: asked for by a live page."""
    newest, oldest = (_id_given(name) for name in ("newest", "oldest"))
    wish = asked_or_refused()
    with parts().database.read() as connection:
        browsing = Browsing(connection)
        shown = replace(wish.filter, before=id_after(newest), since=None, after=id_before(oldest))
        sheet = Sheet(tuple(Log(connection).rows(shown, PAGE)))
        news = browsing.newest(wish.filter, newest, MANY)
    return render_template("admin/deliveries_rows.html", wish=wish, rows=_rows(sheet), news=news, **_choices())


@bp.get("/export.csv")
@admins_only(Role.VIEWER)
def as_csv() -> Response:
    """The filter's deliveries as a file, written while it is read."""
    wish = asked_or_refused()
    now = parts().clock()
    with parts().database.write() as connection:
        Admins(connection).note(g.admin.email, "deliveries.export", f"{wish.filter}", now)
    found = (_cells(entry) for some in export(parts().database, wish.filter, MOST_ROWS) for entry in some)
    answer = Response(stream_with_context(csv_rows(COLUMNS, found)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="deliveries-{now:%Y-%m-%d-%H%M}.csv"'
    return answer


def row_of(entry: Entry, said: str = "") -> Row:
    """The delivery as pages show it."""
    return Row(entry, masked_address(entry) or "–", _sentence(entry), said)


def _sheet(wish: Asked, newer: str) -> Sheet:
    with parts().database.read() as connection:
        if after := place_of(newer):
            return Browsing(connection).newer(replace(wish.filter, after=after), PAGE)
        return Browsing(connection).older(wish.filter, PAGE)


def _rows(sheet: Sheet) -> list[Row]:
    """The rows, with what was said last to those that were not sent."""
    troubled = [one.id for one in sheet.entries if one.last_code and one.state not in (State.SENT, State.CANCELLED)]
    with parts().database.read() as connection:
        said = Log(connection).last_texts(troubled) if troubled else {}
    return [row_of(entry, said.get(entry.id, "")) for entry in sheet.entries]


def _choices() -> dict[str, object]:
    return {
        "states": State,
        "channels": CHANNELS,
        "reasons": Reason,
        "windows": WINDOWS,
        "usual": USUAL,
        "types": sorted(parts().catalogue.kinds),
        "retention": parts().retention,
        "now": parts().clock(),
        "may_operate": g.admin.role.includes(Role.OPERATOR),
    }


def _sentence(entry: Entry) -> str:
    return sentence_of(entry.reason, timed=entry.due_at is not None) if entry.reason else ""


def _cells(entry: Entry) -> tuple[object, ...]:
    return (
        entry.id, entry.state, entry.reason or "", entry.channel, entry.type, entry.queue, entry.user,
        masked_address(entry) or "", entry.tries, entry.last_code, moment(entry.created_at),
        moment_or_null(entry.due_at if entry.state == State.WAITING else None) or "",
        moment_or_null(entry.sent_at) or "", entry.app, entry.retry_of or "",
    )  # fmt: skip


def _id_given(name: str) -> str:
    given = request.args.get(name, "")
    if not is_id(given, "dlv"):
        abort(400, f"{name} must be the id of a delivery.")
    return given
