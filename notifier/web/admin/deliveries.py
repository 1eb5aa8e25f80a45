"""The admin pages of the delivery log: all deliveries, and one with its attempts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.policy.retention import said
from notifier.policy.words import State, sentence_of
from notifier.store.admins import Role
from notifier.store.log import Entry, Log
from notifier.web.admin.guard import admins_only
from notifier.web.deliveries import LogQuery, cancel_one, cursor_of, filter_of, log_query, retry_one
from notifier.web.kept import no_delivery
from notifier.web.parts import parts
from notifier.web.problems import Problem
from notifier.web.shapes import masked_address

bp = Blueprint("admin_deliveries", __name__, url_prefix="/admin/deliveries")

PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as a page shows it."""

    entry: Any
    address: str
    sentence: str


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str | tuple[str, int]:
    """The delivery log, newest first, with its filters in the address."""
    given = request.args.to_dict(flat=False)
    try:
        query = log_query(given)
    except Problem as problem:
        return render_template(
            "admin/deliveries.html", problem=problem, rows=[], given=request.args, older=None, states=State
        ), 422
    with parts().database.read() as connection:
        found = Log(connection).page(filter_of(query), PAGE + 1)
    rows = [_row(entry) for entry in found[:PAGE]]
    return render_template(
        "admin/deliveries.html",
        rows=rows,
        given=request.args,
        older=_older(cursor_of(found[PAGE - 1])) if len(found) > PAGE else None,
        states=State,
        problem=None,
        retention=parts().retention,
    )


@bp.get("/<dlv:delivery_id>")
@admins_only(Role.VIEWER)
def show(delivery_id: str) -> str:
    """One delivery: where it stands, why, and every attempt."""
    with parts().database.read() as connection:
        log = Log(connection)
        entry = log.delivery(delivery_id)
        if entry is None:
            abort(404, no_delivery(delivery_id).detail)
        retried_as = log.retried_as(entry.id)
        return render_template(
            "admin/delivery.html",
            row=_row(entry),
            attempts=log.attempts(entry.id),
            retried_as=retried_as,
            may_retry=entry.state == State.WAITING or (entry.state == State.FAILED and not retried_as),
            may_cancel=entry.state in (State.WAITING, State.QUEUED),
            may_operate=g.admin.role.includes(Role.OPERATOR),
            kept=_kept(entry),
        )


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


def _act(delivery_id: str, act: Callable[..., dict[str, Any]], said: str) -> AnyResponse:
    try:
        stands = act(delivery_id, who=g.admin.email)["id"]
        flash(said)
    except Problem as problem:
        stands = delivery_id
        flash(problem.detail)
    return redirect(url_for("admin_deliveries.show", delivery_id=stands))


def _older(cursor: str) -> str:
    """The address of the next page, with the filters of this one: of all that was given, only those that we know."""
    kept = {name: values for name, values in request.args.lists() if name in LogQuery.model_fields}
    return url_for("admin_deliveries.page", **kept | {"cursor": [cursor]})  # type: ignore[arg-type]  # a value may be several


def _kept(entry: Entry) -> str:
    """How long this delivery and its attempts are kept."""
    retention = parts().retention
    days = retention.of(entry.state, stands=entry.channel in parts().standing)
    if days is None:
        return "Kept until it has come to its end, and then for as long as the log says."
    whole = f"Kept for {said(days)} from when it was to go out"
    return f"{whole}, its attempts for {said(retention.of_attempts(days))}." if entry.tries else f"{whole}."


def _row(entry: Any) -> Row:
    return Row(entry, masked_address(entry) or "–", _sentence(entry))


def _sentence(entry: Entry) -> str:
    return sentence_of(entry.reason, timed=entry.due_at is not None) if entry.reason else ""
