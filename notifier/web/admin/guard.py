"""Who may open which admin page: each says the role that it needs, and a test walks all routes."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote

from flask import abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.store.admins import Role
from notifier.store.database import DatabaseAway
from notifier.store.sessions import SEEN, Sessions, SignedIn
from notifier.web.access import guarded_by
from notifier.web.parts import parts

V = TypeVar("V", bound=Callable[..., Any])

TOKEN, WANTED = "admin", "wanted"  # in the browser's signed cookie
LONGEST = 1_000  # characters of the page that was wanted; a cookie holds no more than four thousand
_OURS = re.compile(r"/admin(?![^/?])(?!/log(in|out)(?![^/?]))[\x21-\x5b\x5d-\x7e]*")  # no backslash: browsers turn it


def admins_only(role: Role) -> Callable[[V], V]:
    """The view is for signed-in admins of this role or a larger one. Sets `g.admin` and `g.signed_in`."""

    def wrap(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            found = signed_in()
            if found is None:
                return _to_the_door()
            g.signed_in, g.admin = found, found.account
            if not found.account.role.includes(role):
                abort(403, f"This needs the role {role}; yours is {found.account.role}.")
            return view(*args, **kwargs)

        return guarded_by(f"admin:{role}")(guarded)  # type: ignore[return-value]  # the same view, guarded

    return wrap


def signed_in() -> SignedIn | None:
    """Who sends this request, by the session's token in the cookie; None where nobody is signed in."""
    token, now = session.get(TOKEN), parts().clock()
    if not isinstance(token, str):
        return None
    with parts().database.read() as connection:
        found = Sessions(connection).find(token, now)
    if found and now - found.session.seen_at >= SEEN:
        # Who only looks must not be refused because nobody can write just now; the next page notes it.
        with suppress(DatabaseAway), parts().database.write() as connection:
            Sessions(connection).see(found.session.id, now)
    return found


def is_ours(path: str) -> bool:
    """Whether it is the path of an admin page that one can be sent to: never another site, never the door itself."""
    return len(path) <= LONGEST and _OURS.fullmatch(path) is not None


def _to_the_door() -> AnyResponse:
    """To the sign-in, and from there to where one wanted to go: not to a part of a page, which htmx asks for."""
    query = request.query_string.decode("latin-1")
    path = quote(request.path, safe="/%:@!$&'()*+,;=~") + (f"?{query}" if query else "")
    if request.method == "GET" and "HX-Request" not in request.headers and is_ours(path):
        session[WANTED] = path
    return redirect(url_for("admin_signin.page"))
