"""What all admin pages share: the frame around them, and the page that says why something is refused."""

from contextlib import suppress
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from flask import Flask, g, make_response, render_template
from flask import Response as Answer

from notifier.store.database import DatabaseAway
from notifier.web.admin.guard import signed_in
from notifier.web.admin.menu import MENU
from notifier.web.parts import parts


def install(app: Flask) -> None:
    """Give the templates what the frame shows."""
    shown = {"menu": MENU, "version": version("notifier")}

    @app.context_processor
    def frame() -> dict[str, Any]:
        return shown | {"environment": parts().environment, "clock": parts().clock}


def refusal(status: int, name: str, detail: str) -> Answer:
    """The page that says why a request to the admin pages is refused, and where to go from there."""
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        _recognise()
    return make_response(render_template("admin/refused.html", name=name, detail=detail), status)


def _recognise() -> None:
    """Keep the frame around an admin whose request reached no view: an unknown address, a form that is too old."""
    if "admin" in g:
        return
    with suppress(DatabaseAway):  # the page is refused all the same, as to a stranger
        found = signed_in()
        if found:
            g.admin = found.account
