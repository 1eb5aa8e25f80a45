"""Calls from pages of other origins: those of the operator's list may make them, and only where people's tokens do.

No cookie is involved: a browser sends the token that its page was given, or nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request

V = TypeVar("V", bound=Callable[..., Any])

ASKED = "Authorization, Content-Type, Last-Event-ID"
TOLD = "Link, Retry-After, X-Request-Id"
REMEMBERED = "600"  # seconds that a browser need not ask again


def from_browsers(view: V) -> V:
    """Let pages of allowed origins call the view."""
    view.from_browsers = True  # type: ignore[attr-defined]  # functions carry attributes
    return view


def install(app: Flask, origins: Sequence[str]) -> None:
    """Answer browsers that ask whether they may."""
    allowed = frozenset(origins)
    if not allowed:
        return

    @app.after_request
    def allow(response: Response) -> Response:
        if not _is_for_browsers():
            return response
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin not in allowed:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
            response.headers["Access-Control-Allow-Headers"] = ASKED
            response.headers["Access-Control-Max-Age"] = REMEMBERED
        else:
            response.headers["Access-Control-Expose-Headers"] = TOLD
        return response


def _is_for_browsers() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return hasattr(view, "from_browsers")
