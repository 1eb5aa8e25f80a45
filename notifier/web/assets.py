"""Scripts, styles and pictures of the pages: each address changes with its content, so that browsers keep them."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for

FOLDER = Path(__file__).parent / "static"
A_YEAR = 31_536_000  # seconds


def install(app: Flask) -> None:
    """Let templates say `asset("notifier.css")`."""
    app.jinja_env.globals["asset"] = lambda name: url_for("static", filename=name, v=_version(name))

    @app.after_request
    def keep(response: Response) -> Response:
        # Asked for by its version, it can never be another one.
        if request.endpoint == "static" and request.args.get("v") and response.status_code == 200:
            response.cache_control.no_cache = None
            response.cache_control.public, response.cache_control.immutable = True, True
            response.cache_control.max_age = A_YEAR
        return response


@cache
def _version(name: str) -> str:
    return sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
