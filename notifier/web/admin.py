"""The admin pages: the delivery log behind a sign-in by one-time link."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.policy.retention import said
from notifier.policy.words import SENTENCES, State
from notifier.store.admins import Account, Admins, Role
from notifier.store.log import Entry, Log
from notifier.web.access import guarded_by
from notifier.web.deliveries import LogQuery, cancel_one, cursor_of, filter_of, log_query, retry_one
from notifier.web.kept import no_delivery
from notifier.web.parts import parts
from notifier.web.problems import Problem
from notifier.web.shapes import masked_address

bp = Blueprint("admin", __name__, url_prefix="/admin")
V = TypeVar("V", bound=Callable[..., Any])

PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as a page shows it."""

    entry: Any
    address: str
    sentence: str


def admins_only(role: Role) -> Callable[[V], V]:
    """The view is for signed-in admins of this role or a larger one. Sets `g.admin`."""

    def wrap(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            account = _account()
            if account is None:
                return redirect(url_for("admin.login"))
            if not account.role.includes(role):
                abort(403, f"This needs the role {role}; yours is {account.role}.")
            g.admin = account
            return view(*args, **kwargs)

        return guarded_by(f"admin:{role}")(guarded)  # type: ignore[return-value]  # the same view, guarded

    return wrap


@bp.get("/login")
@guarded_by("public")
def login() -> str:
    """Say how to sign in."""
    return render_template("login.html")


@bp.get("/login/once/<string:token>")
@guarded_by("link")
def enter(token: str) -> AnyResponse | tuple[str, int]:
    """Sign in by a link that works once, for 15 minutes."""
    if request.method == "HEAD":  # whoever looks where a link leads must not use it up
        return "", 200
    now = parts().clock()
    with parts().database.write() as connection:
        admins = Admins(connection)
        account = admins.enter(token, now)
        if account:
            admins.note(account.email, "sign-in", request.remote_addr or "", now)
    if account is None:
        return render_template("login.html", refused=True), 401
    session.clear()
    session.permanent = True
    session["admin"] = account.id
    return redirect(url_for("admin.overview"))


@bp.post("/logout")
@admins_only(Role.VIEWER)
def logout() -> AnyResponse:
    """Sign out."""
    session.clear()
    return redirect(url_for("admin.login"))


@bp.get("")
@admins_only(Role.VIEWER)
def overview() -> AnyResponse:
    """The log is the first page, as long as there is no other."""
    return redirect(url_for("admin.deliveries"))


@bp.get("/deliveries")
@admins_only(Role.VIEWER)
def deliveries() -> str | tuple[str, int]:
    """The delivery log, newest first, with its filters in the address."""
    given = request.args.to_dict(flat=False)
    try:
        query = log_query(given)
    except Problem as problem:
        return render_template(
            "deliveries.html", problem=problem, rows=[], given=request.args, older=None, states=State
        ), 422
    with parts().database.read() as connection:
        found = Log(connection).page(filter_of(query), PAGE + 1)
    rows = [_row(entry) for entry in found[:PAGE]]
    return render_template(
        "deliveries.html",
        rows=rows,
        given=request.args,
        older=_older(cursor_of(found[PAGE - 1])) if len(found) > PAGE else None,
        states=State,
        problem=None,
        retention=parts().retention,
    )


@bp.get("/deliveries/<dlv:delivery_id>")
@admins_only(Role.VIEWER)
def delivery(delivery_id: str) -> str:
    """One delivery: where it stands, why, and every attempt."""
    with parts().database.read() as connection:
        log = Log(connection)
        entry = log.delivery(delivery_id)
        if entry is None:
            abort(404, no_delivery(delivery_id).detail)
        retried_as = log.retried_as(entry.id)
        return render_template(
            "delivery.html",
            row=_row(entry),
            attempts=log.attempts(entry.id),
            retried_as=retried_as,
            may_retry=entry.state == State.WAITING or (entry.state == State.FAILED and not retried_as),
            may_cancel=entry.state in (State.WAITING, State.QUEUED),
            may_operate=g.admin.role.includes(Role.OPERATOR),
            kept=_kept(entry),
        )


@bp.post("/deliveries/<dlv:delivery_id>/retry")
@admins_only(Role.OPERATOR)
def retry(delivery_id: str) -> AnyResponse:
    """Try a delivery again."""
    return _act(delivery_id, retry_one, "It is tried again.")


@bp.post("/deliveries/<dlv:delivery_id>/cancel")
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
    return redirect(url_for("admin.delivery", delivery_id=stands))


def _account() -> Account | None:
    admin = session.get("admin")
    if not admin:
        return None
    with parts().database.read() as connection:
        return Admins(connection).find(admin)


def _older(cursor: str) -> str:
    """The address of the next page, with the filters of this one: of all that was given, only those that we know."""
    kept = {name: values for name, values in request.args.lists() if name in LogQuery.model_fields}
    return url_for("admin.deliveries", **kept | {"cursor": [cursor]})  # type: ignore[arg-type]  # a value may be several


def _kept(entry: Entry) -> str:
    """How long this delivery and its attempts are kept."""
    retention = parts().retention
    days = retention.of(entry.state, stands=entry.channel in parts().standing)
    if days is None:
        return "Kept until it has come to its end, and then for as long as the log says."
    whole = f"Kept for {said(days)} from when it was to go out"
    return f"{whole}, its attempts for {said(retention.of_attempts(days))}." if entry.tries else f"{whole}."


def _row(entry: Any) -> Row:
    return Row(entry, masked_address(entry) or "–", SENTENCES[entry.reason] if entry.reason else "")
