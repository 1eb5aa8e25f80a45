"""The admin pages of apps: who may post events, with which keys and secrets, and when those were last used."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.policy.fields import app_name_fault, id_fault
from notifier.store.admins import Admins, Role
from notifier.store.apps import API_KEY, BUILT_IN, BY_ADMIN, SCOPES, SIGNING, Access, Apps, Credential, Sender
from notifier.store.rejected import Rejected
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.posted import Posted, new_event

bp = Blueprint("admin_apps", __name__, url_prefix="/admin/apps")

OVERLAPS = (24, 1, 72, 168, 0)  # hours; the first is offered
LATELY = timedelta(days=1)
SHOWN = 10  # rejected requests on an app's page
TEST = "mention"  # a type that names whom to tell


@dataclass(frozen=True, slots=True)
class Row:
    """One app in the list: its credentials that are live, and how many of its requests were refused lately."""

    app: Sender
    live: tuple[Credential, ...]
    last_used_at: datetime | None
    refused: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """What was just made, to be shown once."""

    key: str = ""
    secret: str = ""


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """All apps."""
    return _list()


@bp.post("")
@admins_only(Role.OWNER)
def add() -> AnyResponse | tuple[str, int]:
    """Make an app, and show its secret and key once."""
    name, scopes = request.form.get("name", "").strip(), _scopes()
    if fault := app_name_fault(name):
        return _list(f"A name {fault}.", request.form), 422
    if not scopes:
        return _list("Tick at least one thing that its key may do.", request.form), 422
    lenient = bool(request.form.get("lenient"))
    with parts().database.write() as connection:
        made = Apps(connection).create(name, _true_time(), scopes, lenient=lenient)
        _note(connection, "app.create", f"{made.app} {name}: {' '.join(scopes)}")
    return _once(made.app, Fresh(made.key, made.secret), f"{name} is made.")


@bp.get("/<app:app_id>")
@admins_only(Role.VIEWER)
def show(app_id: str) -> str:
    """One app: its credentials, what was refused of it lately, and a line to paste."""
    return _one(app_id)


@bp.post("/<app:app_id>/rotate")
@admins_only(Role.OWNER)
def rotate(app_id: str) -> AnyResponse:
    """Make a fresh signing secret; those before stay valid for a while."""
    overlap = _overlap()
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        secret = Apps(connection).rotate(app_id, overlap=overlap, now=_true_time())
        if secret:
            _note(connection, "app.rotate", f"{app_id}, {_hours(overlap)} overlap")
    if secret is None:
        return _gone(app_id)
    parts().remember(app_id, secret=secret)
    return _once(app_id, Fresh(secret=secret), f"The new secret signs from now on. The old one {_until(overlap)}.")


@bp.post("/<app:app_id>/keys")
@admins_only(Role.OWNER)
def add_key(app_id: str) -> AnyResponse:
    """Make one more API key."""
    scopes = _scopes()
    if not scopes:
        flash("No key is made: tick at least one thing that it may do.")
        return _to(app_id)
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        key = Apps(connection).add_key(app_id, scopes, _true_time())
        if key:
            _note(connection, "app.key.add", f"{app_id}: {' '.join(scopes)}")
    return _once(app_id, Fresh(key), "The key is made.") if key else _gone(app_id)


@bp.post("/<app:app_id>/keys/rotate")
@admins_only(Role.OWNER)
def rotate_key(app_id: str) -> AnyResponse:
    """Put a fresh API key in the place of one, which stays valid for a while."""
    old, overlap = _credential(), _overlap()
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        key = Apps(connection).rotate_key(app_id, old, overlap=overlap, now=_true_time())
        if key:
            _note(connection, "app.key.rotate", f"{app_id} {old}, {_hours(overlap)} overlap")
    if key is None:
        flash("Nothing was done: this key has ended already.")
        return _to(app_id)
    parts().remember(app_id, key=key)
    return _once(app_id, Fresh(key), f"The new key works from now on. The old one {_until(overlap)}.")


@bp.post("/<app:app_id>/end")
@admins_only(Role.OWNER)
def end(app_id: str) -> AnyResponse:
    """End one key or secret, now."""
    credential = _credential()
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        ended = Apps(connection).end(app_id, credential, _true_time())
        if ended:
            _note(connection, "app.credential.end", f"{app_id} {credential}")
    flash("It has ended; within two seconds nothing opens by it." if ended else "Nothing was done: it ended before.")
    return _to(app_id)


@bp.post("/<app:app_id>/lenient")
@admins_only(Role.OWNER)
def set_lenient(app_id: str) -> AnyResponse:
    """Store the app's events of unknown types, or refuse them."""
    lenient = request.form.get("lenient") == "1"
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        changed = Apps(connection).set_lenient(app_id, lenient=lenient)
        if changed:
            _note(connection, "app.lenient" if lenient else "app.strict", app_id)
    if not changed:
        return _gone(app_id)
    flash("Events of unknown types are stored from now on, and told to nobody." if lenient else "It is strict again.")
    return _to(app_id)


@bp.post("/<app:app_id>/revoke")
@admins_only(Role.OWNER)
def revoke(app_id: str) -> AnyResponse:
    """End the app's access, now."""
    if not request.form.get("sure"):
        flash("Nothing was done: tick the box to say that you mean it.")
        return _to(app_id)
    with parts().database.write() as connection:
        _acted_on(connection, app_id)
        revoked = Apps(connection).revoke(app_id, _true_time())
        if revoked:
            _note(connection, "app.revoke", app_id)
    if not revoked:
        return _gone(app_id)
    flash("It has no access any more. What it posted before stays, and goes out.")
    return _to(app_id)


@bp.post("/<app:app_id>/test")
@admins_only(Role.OWNER)
def test(app_id: str) -> AnyResponse:
    """Post an event as the app would: somebody is mentioned."""
    user = request.form.get("user", "").strip()
    if fault := id_fault(user):
        flash(f"Nothing is sent: the id of a person {fault}.")
        return _to(app_id)
    with parts().database.write() as connection:
        app = _acted_on(connection, app_id)
        if not app.revoked_at:
            _note(connection, "app.test", f"{app_id} to {user}")
    if app.revoked_at:
        return _gone(app_id)
    posted = Posted(TEST, None, "", {"type": TEST, "data": _test_data(user)})
    event, queue = new_event(Access(app_id, door=BY_ADMIN), posted, parts().catalogue, parts().clock())
    parts().intake.accept(event)
    parts().nudge([event.id], queue)
    flash("It is posted; what becomes of it stands here within a second or two.")
    return redirect(url_for("admin_events.show", event_id=event.id))


def _test_data(user: str) -> dict[str, Any]:
    note = {"id": f"test-{uuid.uuid4().hex[:12]}", "type": "post", "content": "A test from the admin pages."}
    return {"actor": {"id": "notifier-test", "name": "Notifier"}, "object": note, "to": [user]}


def _list(wrong: str = "", given: Mapping[str, str] | None = None) -> str:
    with parts().database.read() as connection:
        apps, credentials = Apps(connection).all(), Apps(connection).credentials()
        refused = Rejected(connection).by_app(parts().clock() - LATELY)
    return render_template(
        "admin/apps.html",
        rows=[_row(app, credentials, refused) for app in apps],
        built_in=BUILT_IN,
        scopes=SCOPES,
        wrong=wrong,
        given=given or {},
        may_own=g.admin.role.includes(Role.OWNER),
    )


def _row(app: Sender, credentials: list[Credential], refused: Mapping[str, int]) -> Row:
    its = [one for one in credentials if one.app == app.id]
    live = () if app.revoked_at else tuple(one for one in its if one.lives(_true_time()))
    last = max((one.last_used_at for one in its if one.last_used_at), default=None)
    return Row(app, live, last, refused.get(app.id, 0))


def _one(app_id: str, fresh: Fresh | None = None, said: str = "") -> str:
    with parts().database.read() as connection:
        app = _known(connection, app_id)
        credentials = Apps(connection).credentials(app_id)
        rejected = Rejected(connection).page(SHOWN, app=app_id)
    return render_template(
        "admin/app.html",
        app=app,
        built_in=app_id == BUILT_IN,
        credentials=credentials,
        signing=SIGNING,
        api_key=API_KEY,
        now=_true_time(),
        fresh=fresh,
        fresh_said=said,
        rejected=rejected,
        url=parts().public_url.rstrip("/"),
        scopes=SCOPES,
        overlaps=OVERLAPS,
        tests=parts().catalogue.find(TEST) is not None,
        may_own=g.admin.role.includes(Role.OWNER),
    )


def _once(app_id: str, fresh: Fresh, said: str) -> Response:
    """The app's page with what was just made. No copy of it is kept anywhere."""
    answer = make_response(_one(app_id, fresh, said))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _known(connection: Connection, app_id: str) -> Sender:
    app = Apps(connection).find(app_id)
    if app is None:
        abort(404, f"There is no app {app_id}.")
    return app


def _acted_on(connection: Connection, app_id: str) -> Sender:
    """The app, which somebody wants to change."""
    if app_id == BUILT_IN:
        abort(409, "This app is the service's own: it has no credentials, and nothing of it can be changed.")
    return _known(connection, app_id)


def _scopes() -> list[str]:
    return [scope for scope in SCOPES if scope in request.form.getlist("scope")]


def _overlap() -> timedelta:
    hours = request.form.get("overlap", "")
    return timedelta(hours=int(hours) if hours in map(str, OVERLAPS) else OVERLAPS[0])


def _true_time() -> datetime:
    """The moment for keys and secrets, which keep to the true time wherever CLOCK_SHIFT has put ours."""
    return datetime.now(UTC)


def _credential() -> str:
    text = request.form.get("credential", "")
    if not is_id(text, "sec"):
        abort(422, "The form must say which key or secret is meant.")
    return text


def _hours(overlap: timedelta) -> str:
    return f"{int(overlap.total_seconds()) // 3600} h"


def _until(overlap: timedelta) -> str:
    return f"stays valid for {_hours(overlap)}" if overlap else "has ended"


def _note(connection: Connection, action: str, subject: str) -> None:
    Admins(connection).note(g.admin.email, action, subject, parts().clock())


def _gone(app_id: str) -> AnyResponse:
    flash("Nothing was done: this app has no access any more.")
    return _to(app_id)


def _to(app_id: str) -> AnyResponse:
    return redirect(url_for("admin_apps.show", app_id=app_id))
