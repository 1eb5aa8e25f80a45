"""The API's description (OpenAPI 3.1), served as JSON.

`python -m notifier.web` prints it; docs/openapi.json holds it.
"""

from typing import Any

from flask import Blueprint, current_app

from notifier.web.access import guarded_by

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
@guarded_by("public")
def openapi() -> dict[str, Any]:
    """This description."""
    return description()


def description() -> dict[str, Any]:
    """That of the running app, made once: nothing of it changes."""
    made: dict[str, Any] | None = current_app.extensions.get("description")
    if made is None:
        # Here: the models of all answers and the examples lie in every process, and are for readers of the API only.
        from notifier.web.description import describe

        made = current_app.extensions["description"] = describe(current_app)
    return made
