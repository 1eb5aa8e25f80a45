"""Who may open which admin page: each says the role that it needs, and a test walks all routes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import abort, g, redirect, session, url_for

from notifier.store.admins import Account, Admins, Role
from notifier.web.access import guarded_by
from notifier.web.parts import parts

V = TypeVar("V", bound=Callable[..., Any])


def admins_only(role: Role) -> Callable[[V], V]:
    """The view is for signed-in admins of this role or a larger one. Sets `g.admin`."""

    def wrap(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            account = _account()
            if account is None:
                return redirect(url_for("admin_signin.page"))
            if not account.role.includes(role):
                abort(403, f"This needs the role {role}; yours is {account.role}.")
            g.admin = account
            return view(*args, **kwargs)

        return guarded_by(f"admin:{role}")(guarded)  # type: ignore[return-value]  # the same view, guarded

    return wrap


def _account() -> Account | None:
    admin = session.get("admin")
    if not admin:
        return None
    with parts().database.read() as connection:
        return Admins(connection).find(admin)
