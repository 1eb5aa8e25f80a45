"""The admin pages of the admins themselves: who may come in, and as what."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import BadAddress
from notifier.pipeline.admins import LastOwner, UnknownAdmin
from notifier.store.admins import Account, AdminEntry, Admins, Role
from notifier.store.tries import TooMany
from notifier.web.admin.guard import admins_only
from notifier.web.admin.signin import visitor
from notifier.web.parts import parts

bp = Blueprint("admin_admins", __name__, url_prefix="/admin/admins")

LONGEST = 255  # characters of an address


@bp.get("")
@admins_only(Role.OWNER)
def page() -> str:
    """Every admin."""
    return _list()


@bp.post("")
@admins_only(Role.OWNER)
def invite() -> AnyResponse:
    """Ask somebody in."""
    try:
        email, role = _given_email(), _given_role()
    except ValueError as error:
        return make_response(_list(wrong=str(error), given=request.form), 422)
    made = parts().staff.invite(email, role, who=g.admin.email)
    if made is None:
        wrong = f"{email} is an admin already: open their page to change the role or to make a link."
        return make_response(_list(wrong=wrong, given=request.form), 422)
    return _link_for(made)


@bp.get("/<adm:admin_id>")
@admins_only(Role.OWNER)
def show(admin_id: str) -> str:
    """One admin."""
    return render_template("admin/admin.html", one=_known(admin_id), roles=Role)


@bp.post("/<adm:admin_id>/link")
@admins_only(Role.OWNER)
def link(admin_id: str) -> AnyResponse:
    """Make a fresh link for an admin."""
    return _link_for(_known(admin_id).account)


@bp.post("/<adm:admin_id>/role")
@admins_only(Role.OWNER)
def change_role(admin_id: str) -> AnyResponse:
    """Give an admin another role."""
    try:
        role = _given_role()
    except ValueError as error:
        flash(str(error))
        return redirect(url_for("admin_admins.show", admin_id=admin_id))
    act = parts().staff.change_role
    return _changed(admin_id, lambda: act(admin_id, role, who=g.admin.email), f"The role is {role} from now on.")


@bp.post("/<adm:admin_id>/totp")
@admins_only(Role.OWNER)
def reset_totp(admin_id: str) -> AnyResponse:
    """Turn an admin's second step off."""
    said = "The second step is off, and all their sessions have ended."
    return _changed(admin_id, lambda: parts().staff.reset_totp(admin_id, who=g.admin.email), said)


@bp.post("/<adm:admin_id>/remove")
@admins_only(Role.OWNER)
def remove(admin_id: str) -> AnyResponse:
    """Remove an admin."""
    try:
        gone = parts().staff.remove(admin_id, who=g.admin.email)
    except UnknownAdmin:
        abort(404, "There is no such admin any more.")
    except LastOwner as last:
        flash(str(last))
        return redirect(url_for("admin_admins.show", admin_id=admin_id))
    flash(f"{gone.email} is removed, and signed out everywhere.")
    return redirect(url_for("admin_admins.page"))


def _changed(admin_id: str, act: Callable[[], Account], said: str) -> AnyResponse:
    try:
        act()
        flash(said)
    except UnknownAdmin:
        abort(404, "There is no such admin any more.")
    except LastOwner as last:
        flash(str(last))
    if admin_id == g.admin.id:  # one's own role may not suffice for this page any more
        return redirect(url_for("admin_overview.page"))
    return redirect(url_for("admin_admins.show", admin_id=admin_id))


def _link_for(account: Account) -> AnyResponse:
    """Mail a sign-in link, or show it, as the form says."""
    if request.form.get("how") == "show":
        token = parts().staff.link(account.id, who=g.admin.email, asks=True)
        url = f"{parts().public_url}{url_for('admin_signin.enter', token=token)}"
        answer = make_response(render_template("admin/admin_link.html", account=account, url=url))
        answer.cache_control.no_store = True
        return answer
    asked = parts().links.ask(account.email, visitor().address)
    if isinstance(asked, TooMany):
        flash("No mail is sent: there were too many in the last minutes. Make a link to be shown instead.")
    else:
        parts().mail_link(asked)
        flash(f"A link is on its way to {account.email}. It works once, for 15 minutes.")
    return redirect(url_for("admin_admins.show", admin_id=account.id))


def _list(**shown: Any) -> str:
    with parts().database.read() as connection:
        admins = Admins(connection).all()
    return render_template("admin/admins.html", admins=admins, roles=Role, **{"wrong": "", "given": {}} | shown)


def _known(admin_id: str) -> AdminEntry:
    with parts().database.read() as connection:
        found = next((one for one in Admins(connection).all() if one.account.id == admin_id), None)
    return found or abort(404, "There is no such admin.")


def _given_email() -> str:
    """The address in the form. Raises `ValueError` with what would be right."""
    try:
        email = parts().parse_mailbox(request.form.get("email", ""))
    except BadAddress as error:
        raise ValueError(str(error)) from None
    if len(email) > LONGEST:
        raise ValueError(f"A mail address has at most {LONGEST} characters.")
    return email


def _given_role() -> Role:
    """The role in the form. Raises `ValueError` with what would be right."""
    given = request.form.get("role", "")
    if given not in list(Role):
        raise ValueError(f"The role must be one of {', '.join(Role)}.")
    return Role(given)
