"""The admin page of one's own account: password, second step, and the browsers that are signed in."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request, session, url_for
from flask import Response as Answer
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.account import Declined, Standing
from notifier.pipeline.codes import address_of
from notifier.store.admins import Role
from notifier.web.admin.browsers import browser_name
from notifier.web.admin.guard import admins_only
from notifier.web.admin.waits import too_many
from notifier.web.parts import parts

bp = Blueprint("admin_account", __name__, url_prefix="/admin/account")


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> Answer:
    """How the own account stands."""
    return make_response(render_template("admin/account.html", **_shown()))


@bp.post("/password")
@admins_only(Role.VIEWER)
def password() -> AnyResponse:
    """Set or change the password."""
    new = request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _declined(Declined("The two new passwords differ. Type the same one twice."), "password")
    return _done(
        lambda: parts().own_account.set_password(g.signed_in, request.form.get("current", ""), new),
        "password",
        "The password is set. Wherever else you were signed in, you are not any more.",
    )


@bp.post("/totp")
@admins_only(Role.VIEWER)
def offer_totp() -> AnyResponse:
    """Begin to set up the second step: show a secret."""
    return _done(lambda: parts().own_account.offer_totp(g.signed_in, request.form.get("current", "")), "totp", "")


@bp.post("/totp/on")
@admins_only(Role.VIEWER)
def turn_totp_on() -> AnyResponse:
    """Turn the second step on."""
    return _codes(lambda: parts().own_account.turn_totp_on(g.signed_in, request.form.get("code", "")))


@bp.post("/totp/off")
@admins_only(Role.VIEWER)
def turn_totp_off() -> AnyResponse:
    """Turn the second step off."""
    off = parts().own_account.turn_totp_off
    return _done(lambda: off(g.signed_in, request.form.get("current", "")), "totp", "The second step is off.")


@bp.post("/codes")
@admins_only(Role.VIEWER)
def renew_codes() -> AnyResponse:
    """Make fresh recovery codes."""
    return _codes(lambda: parts().own_account.renew_codes(g.signed_in, request.form.get("current", "")))


@bp.post("/sessions/<ses:session_id>/end")
@admins_only(Role.VIEWER)
def end(session_id: str) -> AnyResponse:
    """Sign one browser out."""
    if not parts().own_account.end(g.signed_in, session_id):
        abort(404, "That session has ended already.")
    if session_id == g.signed_in.session.id:
        session.clear()
        return redirect(url_for("admin_signin.page"))
    flash("That browser is signed out.")
    return redirect(url_for("admin_account.page"))


@bp.post("/sessions/end")
@admins_only(Role.VIEWER)
def end_others() -> AnyResponse:
    """Sign out everywhere else."""
    ended = parts().own_account.end_others(g.signed_in)
    flash(f"Signed out of {ended} other {'browser' if ended == 1 else 'browsers'}.")
    return redirect(url_for("admin_account.page"))


def _done(act: Callable[[], None], part: str, said: str) -> AnyResponse:
    try:
        act()
    except Declined as declined:
        return _declined(declined, part)
    if said:
        flash(said)
    return redirect(url_for("admin_account.page") + f"#{part}")


def _codes(make: Callable[[], list[str]]) -> AnyResponse:
    """The recovery codes, on a page that is shown once."""
    try:
        codes = make()
    except Declined as declined:
        return _declined(declined, "totp")
    answer = make_response(render_template("admin/recovery_codes.html", codes=codes))
    answer.cache_control.no_store = True
    return answer


def _declined(declined: Declined, part: str) -> Answer:
    shown = _shown() | {"part": part}
    if declined.until:
        return too_many(declined.until, "admin/account.html", **shown)
    return make_response(render_template("admin/account.html", wrong=str(declined), **shown), 422)


def _shown() -> dict[str, object]:
    standing = parts().own_account.standing(g.signed_in)
    return {"standing": standing, "qr": _qr(standing), "present": g.signed_in.session.id, "browser_name": browser_name}


def _qr(standing: Standing) -> Markup:
    """The QR code of a secret that is offered; nothing where none is."""
    if not standing.offered:
        return Markup()
    import segno  # here: for the few minutes in which somebody sets up a second step

    code = segno.make(address_of(standing.offered, g.admin.email), error="m", micro=False)
    # On white in the dark too: apps do not read it otherwise.
    svg = code.svg_inline(omitsize=True, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    return Markup(svg)  # noqa: S704 (made of squares; the address is not in it as text)
