"""Scripts, styles and pictures of the pages: each address changes with its content, so that browsers keep them.

The scripts for apps keep their addresses, and pages of any origin may load them.
"""

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, request, url_for

FOLDER = Path(__file__).parent / "static"
A_YEAR = 31_536_000  # seconds
AN_HOUR = 3_600
FOR_APPS = ("notifier.js", "notifier-bell.js", "notifier-sw.js")


def install(app: Flask) -> None:
    """Let templates say `asset("notifier.css")`."""
    app.jinja_env.globals["asset"] = lambda name: url_for("static", filename=name, v=_version(name))

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint != "static" or response.status_code not in (200, 304):
            return response
        # Asked for by its version, it can never be another one.
        if request.args.get("v") and response.status_code == 200:
            _keep_for(response, A_YEAR)
            response.cache_control.immutable = True
        if (request.view_args or {}).get("filename") in FOR_APPS:
            return _for_apps(response)
        return response


def compressed(response: Response) -> Response:
    """The answer as gzip where that is taken. Its content is remembered: it must be the same for everyone."""
    response.vary.add("Accept-Encoding")
    if response.status_code == 200 and request.accept_encodings["gzip"] > 0:
        response.direct_passthrough = False
        response.set_data(_compressed(response.get_data()))
        response.content_encoding = "gzip"
    return response


def _for_apps(response: Response) -> Response:
    """The script as any page may have it: a module of another origin is only run with its server's consent."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Service-Worker-Allowed"] = "/"
    _keep_for(response, AN_HOUR)
    return compressed(response)


def _keep_for(response: Response, seconds: int) -> None:
    response.cache_control.no_cache = None
    response.cache_control.public = True
    response.cache_control.max_age = seconds


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@cache
def _version(name: str) -> str:
    return sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
