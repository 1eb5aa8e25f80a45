"""The admin page of the audit: who did what, newest first, with its filters in the address, and as a CSV file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, g, render_template, request, url_for

from notifier.policy.steering import moment_on_clock
from notifier.store.admins import Admins, Role
from notifier.store.apps import Apps
from notifier.store.audit import LOOKED, AuditEntry, AuditFilter, AuditLog, walk
from notifier.web.admin.guard import admins_only
from notifier.web.admin.tables import csv_rows
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_audit", __name__, url_prefix="/admin")

PAGE = 50
FIELDS = ("who", "action", "subject", "since", "until")
LONGEST = 512  # characters of a field
_LINKED = {"dlv": "deliveries", "dig": "digests", "sch": "schedules", "evt": "events", "job": "jobs"}
_ID = re.compile(rf"\b((?:{'|'.join(_LINKED)})_[0-9a-f]{{32}})\b")


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as a page shows it: its author by name, its subject in pieces, each with where it leads, if anywhere."""

    entry: AuditEntry
    who: str
    pieces: tuple[tuple[str, str], ...]


class WrongFilter(ValueError):
    """The message says what would be right."""


@bp.get("/audit")
@admins_only(Role.OPERATOR)
def page() -> str | tuple[str, int]:
    """Who did what."""
    given = _given()
    try:
        wanted, cursor = audit_filter(given), _cursor()
    except WrongFilter as wrong:
        return render_template("admin/audit.html", given=given, rows=[], actions=[], wrong=str(wrong), older=""), 422
    with parts().database.read() as connection:
        log = AuditLog(connection)
        found, actions = log.page(wanted, PAGE, cursor), log.actions()
        names = {app.id: f"the app {app.name}" for app in Apps(connection).all()}
    return render_template(
        "admin/audit.html",
        given=given,
        cursor=cursor,
        rows=[Row(entry, names.get(entry.who, entry.who), pieces(entry.subject)) for entry in found.entries],
        actions=actions,
        older=url_for("admin_audit.page", **given | {"cursor": found.next}) if found.next else "",  # type: ignore[arg-type]  # texts, all
        looked=LOOKED,
        looked_to=found.looked_to,
        days=parts().retention.audit,
        wrong="",
    )


@bp.get("/audit.csv")
@admins_only(Role.OPERATOR)
def export() -> Response | tuple[str, int]:
    """All that the filter finds, as a CSV file that is made while it is read."""
    given = _given()
    try:
        wanted = audit_filter(given)
    except WrongFilter as wrong:
        return str(wrong), 422
    now = parts().clock()
    with parts().database.write() as connection:
        said = ", ".join(f"{name}={text}" for name, text in given.items()) or "all"
        Admins(connection).note(g.admin.email, "audit.export", said, now)
    answer = Response(as_csv(walk(parts().database, wanted)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="audit-{now:%Y-%m-%d}.csv"'
    answer.cache_control.no_store = True
    return answer


def audit_filter(given: dict[str, str]) -> AuditFilter:
    """The filter that the fields say. Raises `WrongFilter`."""
    for name, text in given.items():
        if len(text) > LONGEST or "\0" in text:
            raise WrongFilter(f"{name} must have at most {LONGEST} characters, none of them empty.")
    return AuditFilter(
        who=given.get("who", ""),
        action=given.get("action", ""),
        subject=given.get("subject", ""),
        since=_moment(given, "since"),
        until=_moment(given, "until"),
    )


def as_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """The CSV file, piece by piece."""
    cells = ((one.at.isoformat(timespec="milliseconds"), one.who, one.action, one.subject, one.id) for one in entries)
    return csv_rows(("at", "who", "action", "subject", "id"), cells)


def pieces(subject: str) -> tuple[tuple[str, str], ...]:
    """The subject, cut where an id stands that leads somewhere: each piece with its path."""
    return tuple(
        (piece, f"/admin/{_LINKED[piece[:3]]}/{piece}" if _ID.fullmatch(piece) else "")
        for piece in _ID.split(subject)
        if piece
    )


def _given() -> dict[str, str]:
    return {name: text for name in FIELDS if (text := request.args.get(name, "").strip())}


def _cursor() -> str:
    cursor = request.args.get("cursor", "")
    if cursor and not is_id(cursor, "aud"):
        raise WrongFilter("This page of the audit is not known; begin with the newest.")
    return cursor


def _moment(given: dict[str, str], name: str) -> datetime | None:
    if name not in given:
        return None
    found = moment_on_clock(given[name], "UTC")
    if found is None:
        raise WrongFilter(f"{name} must be a time such as 2026-11-21T18:00 (UTC).")
    return found
