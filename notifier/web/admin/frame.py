"""What all admin pages share: the frame around them, and the page that says why something is refused."""

from importlib.metadata import version
from typing import Any

from flask import Flask, make_response, render_template
from flask import Response as Answer

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
    return make_response(render_template("admin/refused.html", name=name, detail=detail), status)
