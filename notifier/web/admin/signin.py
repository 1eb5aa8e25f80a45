"""Signing in to the admin pages, by a link that works once or by a password, and out again."""

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, session, url_for
from flask import Response as Answer
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.signin import Entered, Entry, Halfway
from notifier.store.admins import Admins, Link, Role
from notifier.store.sessions import Sessions, Visitor
from notifier.store.tries import TooMany
from notifier.web.access import guarded_by
from notifier.web.admin.guard import TOKEN, WANTED, admins_only, is_ours, signed_in
from notifier.web.admin.waits import too_many
from notifier.web.parts import parts

bp = Blueprint("admin_signin", __name__, url_prefix="/admin")

HALFWAY = "halfway"
PATIENCE = 300  # seconds between the two steps
WRONG = "This e-mail address and this password do not go together."
WRONG_CODE = "This code does not open. Type the six digits that the app shows now: each works once."


@bp.get("/login")
@guarded_by("public")
def page() -> str | AnyResponse:
    """The door."""
    return redirect(url_for("admin_overview.page")) if signed_in() else render_template("admin/login.html")


@bp.post("/login")
@guarded_by("public")
def by_password() -> AnyResponse:
    """Sign in by e-mail address and password."""
    email = request.form.get("email", "")
    entry = parts().signin.by_password(email, request.form.get("password", ""), visitor())
    return _answer(entry, "admin/login.html", WRONG, email=email)


@bp.post("/login/link")
@guarded_by("public")
def mail_link() -> AnyResponse:
    """Mail a link that works once. The answer is the same whether or not the address is an admin's."""
    email = request.form.get("email", "")
    asked = parts().links.ask(email, visitor().address)
    if isinstance(asked, TooMany):
        return too_many(asked.until, "admin/login.html", email=email)
    parts().mail_link(asked)
    return make_response(render_template("admin/login.html", asked=True))


@bp.get("/login/code")
@guarded_by("public")
def code() -> str | AnyResponse:
    """Ask for the second step."""
    return render_template("admin/login_code.html") if _halfway() else redirect(url_for("admin_signin.page"))


@bp.post("/login/code")
@guarded_by("public")
def by_code() -> AnyResponse:
    """Take the second step."""
    halfway = _halfway()
    if halfway is None:
        flash("That took more than five minutes. Begin again.")
        return redirect(url_for("admin_signin.page"))
    entry = parts().signin.by_code(halfway, request.form.get("code", ""), visitor())
    return _answer(entry, "admin/login_code.html", WRONG_CODE)


@bp.get("/login/once/<string:token>")
@guarded_by("link")
def enter(token: str) -> AnyResponse:
    """Sign in by a link that works once, for 15 minutes; one that was mailed or handed on opens at a button."""
    if request.method == "HEAD":  # whoever looks where a link leads must not use it up
        return make_response("")
    with parts().database.read() as connection:
        link = Admins(connection).look_at(token, parts().clock())
    if link is None:
        return _spent()
    return _at_the_button(link) if link.asks else press(token)


@bp.post("/login/once/<string:token>")
@guarded_by("link")
def press(token: str) -> AnyResponse:
    """Sign in by such a link, at the press of its button."""
    entry = parts().signin.by_link(token, visitor())
    if isinstance(entry, Entered | Halfway):
        return _answer(entry, "", "")
    return _spent()


@bp.post("/logout")
@admins_only(Role.VIEWER)
def leave() -> AnyResponse:
    """Sign out."""
    with parts().database.write() as connection:
        Sessions(connection).end(g.admin.id, g.signed_in.session.id)
        Admins(connection).note(g.admin.email, "sign-out", g.signed_in.session.id, parts().clock())
    session.clear()
    return redirect(url_for("admin_signin.page"))


def visitor() -> Visitor:
    """Who stands at the door."""
    return Visitor(request.remote_addr or "", request.headers.get("User-Agent", ""))


def _answer(entry: Entry, template: str, wrong: str, **shown: str) -> AnyResponse:
    """On to where one wanted to go, to the second step, or the form again with what is wrong."""
    if isinstance(entry, Entered):
        return _let_in(entry)
    if isinstance(entry, Halfway):
        until = int(parts().clock().timestamp()) + PATIENCE
        session[HALFWAY] = {"admin": entry.admin, "linked": entry.linked, "until": until}
        return redirect(url_for("admin_signin.code"))
    if isinstance(entry, TooMany):
        return too_many(entry.until, template, **shown)
    return make_response(render_template(template, wrong=wrong, **shown), 401)


def _let_in(entry: Entered) -> AnyResponse:
    wanted = session.get(WANTED, "")
    if before := signed_in():
        # The browser has one session: the other must not lie about.
        with parts().database.write() as connection:
            Sessions(connection).end(before.account.id, before.session.id)
    session.clear()
    session.permanent = True
    session[TOKEN] = entry.token
    return redirect(wanted if is_ours(wanted) else url_for("admin_overview.page"))


def _halfway() -> Halfway | None:
    kept = session.get(HALFWAY)
    if not kept or kept["until"] < parts().clock().timestamp():
        return None
    return Halfway(kept["admin"], linked=kept["linked"])


def _at_the_button(link: Link) -> Answer:
    answer = make_response(render_template("admin/login_once.html", account=link.account))
    answer.cache_control.no_store = True
    return answer


def _spent() -> Answer:
    return make_response(render_template("admin/login_spent.html"), 401)
