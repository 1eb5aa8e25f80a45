"""The admin page of one delivery: its way from the event to the end, its message, and what may be done about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import Shown, TemplateFault
from notifier.pipeline.copying import Copying, TooManyCopies
from notifier.pipeline.preview import Unseen
from notifier.policy.explaining import Course, decided
from notifier.policy.outcomes import Delivered
from notifier.policy.pictures import asset_in
from notifier.policy.retention import said as days_said
from notifier.policy.retry import policy_for
from notifier.policy.words import State
from notifier.store.admins import Role
from notifier.store.log import Entry, EventEntry, Log
from notifier.web import shapes
from notifier.web.admin.deliveries import bp, row_of
from notifier.web.admin.guard import admins_only
from notifier.web.deliveries import cancel_one, retry_one
from notifier.web.kept import no_delivery
from notifier.web.parts import parts
from notifier.web.problems import Problem

__all__ = ["bp"]  # whoever registers the log's pages takes it from here, with these routes

# What a stranger's words in a message may do: be read. No script, no frame, no form, nothing fetched.
CONTAINED = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:{images}; frame-ancestors 'self'"
TABS = ("html", "text", "headers", "raw", "payload")


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of a delivery's way: the events it tells of, the rule that decided, and how long it is tried."""

    first: EventEntry | None
    rule: str
    value: str
    gives_up_at: datetime | None
    most_tries: int


@bp.get("/<dlv:delivery_id>")
@admins_only(Role.VIEWER)
def show(delivery_id: str) -> str:
    """One delivery: where it stands, why, every attempt, and its message for those who may read it."""
    with parts().database.read() as connection:
        log = Log(connection)
        entry = _known(log, delivery_id)
        attempts, retried_as = log.attempts(entry.id), log.retried_as(entry.id)
        event = log.event_line(entry.events[0]) if entry.events else None
    may_operate = g.admin.role.includes(Role.OPERATOR)
    message, unseen = _message(entry) if may_operate else (None, "")
    return render_template(
        "admin/delivery.html",
        row=row_of(entry),
        way=_way(entry, event),
        awaited=asset_in(entry.value),
        attempts=attempts,
        retried_as=retried_as,
        may_retry=entry.state == State.WAITING or (entry.state == State.FAILED and not retried_as),
        may_cancel=entry.state in (State.WAITING, State.QUEUED),
        may_operate=may_operate,
        may_show=entry.state != State.SKIPPED and not entry.carried_by,
        kept=_kept(entry),
        now=parts().clock(),
        message=message,
        unseen=unseen,
        tabs=_tabs(message) if message else (),
        shown_tab=_shown_tab(message) if message else "",
        images=request.args.get("images") == "1",
        width="phone" if request.args.get("width") == "phone" else "desktop",
    )


@bp.get("/<dlv:delivery_id>/message.html")
@admins_only(Role.OPERATOR)
def as_html(delivery_id: str) -> AnyResponse:
    """The message's HTML alone, shut in: for the frame on its page."""
    answer = Response(_shown(delivery_id).html, mimetype="text/html")
    images = f" https: {_our_origin()}" if request.args.get("images") == "1" else ""
    answer.headers["Content-Security-Policy"] = CONTAINED.format(images=images)
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@bp.get("/<dlv:delivery_id>/message.eml")
@admins_only(Role.OPERATOR)
def as_file(delivery_id: str) -> AnyResponse:
    """The message as the octets that go over the wire, as a file."""
    shown = _shown(delivery_id)
    if not shown.raw:
        abort(404, "This channel's messages are no files.")
    answer = Response(shown.raw, mimetype=shown.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{delivery_id}{shown.suffix}"'
    return answer


@bp.get("/<dlv:delivery_id>.json")
@admins_only(Role.VIEWER)
def as_json(delivery_id: str) -> dict[str, Any]:
    """What `GET /v1/deliveries/{id}` answers."""
    with parts().database.read() as connection:
        log = Log(connection)
        entry = _known(log, delivery_id)
        attempts = [shapes.attempt(attempt) for attempt in log.attempts(entry.id)]
        return shapes.delivery(entry) | {"retry_of": entry.retry_of, "retried_as": log.retried_as(entry.id),
                                         "attempts": attempts}  # fmt: skip


@bp.post("/<dlv:delivery_id>/retry")
@admins_only(Role.OPERATOR)
def retry(delivery_id: str) -> AnyResponse:
    """Try a delivery again."""
    return _act(delivery_id, retry_one, "It is tried again.")


@bp.post("/<dlv:delivery_id>/cancel")
@admins_only(Role.OPERATOR)
def cancel(delivery_id: str) -> AnyResponse:
    """Cancel a delivery that has not gone out."""
    return _act(delivery_id, cancel_one, "It is cancelled.")


@bp.post("/<dlv:delivery_id>/copy")
@admins_only(Role.OPERATOR)
def copy(delivery_id: str) -> AnyResponse:
    """Send its mail to the admin who asks, marked as a copy and without the links that act for its person."""
    try:
        outcome = _copying().send(delivery_id, parts().catalogue, to=g.admin.email)
    except (Unseen, TooManyCopies, TemplateFault) as why:
        flash(str(why))
    else:
        said = "is on its way" if isinstance(outcome, Delivered) else f"was not taken: {outcome.code} {outcome.text}"
        flash(f"A copy to {g.admin.email} {said.rstrip('.')}.")
    return redirect(url_for("admin_deliveries.show", delivery_id=delivery_id, tab="html", _anchor="message"))


def _copying() -> Copying:
    return Copying(parts().database, parts().preview, parts().previewer, parts().clock)


def _act(delivery_id: str, act: Callable[..., dict[str, Any]], told: str) -> AnyResponse:
    try:
        stands = act(delivery_id, who=g.admin.email)["id"]
        flash(told)
    except Problem as problem:
        stands = delivery_id
        flash(problem.detail)
    return redirect(url_for("admin_deliveries.show", delivery_id=stands))


def _known(log: Log, delivery_id: str) -> Entry:
    entry = log.delivery(delivery_id)
    if entry is None:
        abort(404, no_delivery(delivery_id).detail)
    return entry


def _message(entry: Entry) -> tuple[Shown | None, str]:
    """The message where a tab asks for it, or why it cannot be shown."""
    tab = request.args.get("tab")
    if tab not in TABS:
        return None, ""
    # A page with a frame says nothing of the message itself: what stands in the frame is asked for, and noted, then.
    who = "" if tab == "html" else g.admin.email
    try:
        return parts().preview.show(entry.id, parts().catalogue, who=who), ""
    except Unseen as why:
        return None, str(why)


def _shown(delivery_id: str) -> Shown:
    try:
        return parts().preview.show(delivery_id, parts().catalogue, who=g.admin.email)
    except Unseen as why:
        abort(404, str(why))


def _our_origin() -> str:
    """Where our own pictures come from, which is no https in development."""
    ours = urlsplit(parts().media_url(""))
    return f"{ours.scheme}://{ours.netloc}"


def _tabs(message: Shown) -> list[str]:
    has = {"html": message.html, "text": message.text, "headers": message.headers, "raw": message.raw}
    return [name for name in TABS if (has | {"payload": message.payload})[name]]


def _shown_tab(message: Shown) -> str:
    """The tab that is asked for, or the first that the message has."""
    tabs, chosen = _tabs(message), request.args.get("tab", "")
    return chosen if chosen in tabs else next(iter(tabs), "text")


def _way(entry: Entry, event: EventEntry | None) -> Way:
    kind, policy = parts().catalogue.find(entry.type), policy_for(entry.type, entry.channel)
    course = Course(entry.type, entry.channel, entry.state, entry.reason, entry.tries, entry.last_code)
    rule, value = decided(course, entry.rule, entry.value)
    tried = entry.state in (State.WAITING, State.QUEUED, State.SENDING)
    lives = policy.lifetime
    if kind and entry.channel in parts().preview.perishable:
        lives = min(lives, kind.ttl)
    return Way(event, rule, value, entry.wanted_at + lives if tried else None, policy.tries)


def _kept(entry: Entry) -> str:
    """How long this delivery and its attempts are kept."""
    retention = parts().retention
    days = retention.of(entry.state, stands=entry.channel in parts().standing)
    if days is None:
        return "Kept until it has come to its end, and then for as long as the log says."
    whole = f"Kept for {days_said(days)} from when it was to go out"
    return f"{whole}, its attempts for {days_said(retention.of_attempts(days))}." if entry.tries else f"{whole}."
