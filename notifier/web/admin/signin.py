"""Signing in to the admin pages by a link that works once, and out again."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.store.admins import Admins, Role
from notifier.web.access import guarded_by
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts

bp = Blueprint("admin_signin", __name__, url_prefix="/admin")


@bp.get("/login")
@guarded_by("public")
def page() -> str:
    """Say how to sign in."""
    return render_template("admin/login.html")


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
        return render_template("admin/login.html", refused=True), 401
    session.clear()
    session.permanent = True
    session["admin"] = account.id
    return redirect(url_for("admin_overview.page"))


@bp.post("/logout")
@admins_only(Role.VIEWER)
def leave() -> AnyResponse:
    """Sign out."""
    session.clear()
    return redirect(url_for("admin_signin.page"))
