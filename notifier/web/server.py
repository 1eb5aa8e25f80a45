"""The Flask app: blueprints, id converters, security headers."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from flask import Blueprint, Flask, Request, Response, redirect, request, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as AnyResponse

from notifier.languages.templates import speaking
from notifier.web import (
    assets,
    batches,
    changes,
    chosen,
    chosen_push,
    cors,
    deliveries,
    devices,
    digests,
    docs,
    events,
    explain,
    feed,
    health,
    media,
    metrics,
    openapi,
    policy,
    preferences,
    problem_pages,
    problems,
    public,
    relations,
    schedules,
    tokens,
    users,
    why,
)
from notifier.web.access import Doorkeeper, guarded_by
from notifier.web.admin import frame
from notifier.web.admin.menu import BLUEPRINTS
from notifier.web.gauge import Gauge
from notifier.web.parts import WebParts
from notifier.web.paths import EncodedIds, add_converters
from notifier.web.reading import MOST
from notifier.web.refusals import Refusals
from notifier.web.streams import Streams
from notifier.web.turns import InTurn

MAX_BODY = 4 * 1024 * 1024
# Signed by a secret, a key or a link: no cookie opens them, so that no other site can ride on one.
EVENTS = (events.bp, batches.bp, changes.bp, explain.bp, deliveries.bp, policy.bp, schedules.bp, media.bp)
PEOPLE = (users.bp, preferences.bp, relations.bp, devices.bp, feed.bp, digests.bp, tokens.bp)
WITHOUT_COOKIES = (
    *EVENTS,
    *PEOPLE,
    public.bp,
    chosen.bp,
    chosen_push.bp,
    why.bp,
    health.bp,
    media.files,
    metrics.bp,
    openapi.bp,
    docs.bp,
    problem_pages.bp,
)
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SECURE = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
)


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, without the cost of building a verifier for those who come without a cookie: every app."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of the cookie, or an empty one."""
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else SecureCookieSession()


def make_server(parts: WebParts, extra: Sequence[Blueprint] = (), exempt: Callable[..., object] | None = None) -> Flask:
    """The web edge with its parts.

    `extra` blueprints are those of development; `exempt` is a view of theirs that is posted to without a form of ours.
    """
    app = Flask(__name__, static_url_path="/static", template_folder="templates")
    app.session_interface = _Sessions()
    speaking(app.jinja_env)
    app.config.update(
        SECRET_KEY=parts.secret_key,
        MAX_CONTENT_LENGTH=MAX_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=parts.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["notifier"] = parts
    app.extensions["doorkeeper"] = Doorkeeper(parts.database)
    app.extensions["refusals"] = Refusals(parts.database, parts.clock)
    app.extensions["gauge"] = Gauge(parts.database, parts.max_unplanned)
    app.extensions["streams"] = Streams(parts.database, parts.catalogue, parts.word, parts.clock, parts.max_streams)
    app.wsgi_app = InTurn(EncodedIds(app.wsgi_app), parts.max_requests, MOST, aside=(media.UPLOADS,))  # type: ignore[method-assign]  # Flask's own way to wrap it
    csrf = CSRFProtect(app)
    for blueprint in WITHOUT_COOKIES:
        csrf.exempt(blueprint)
    routes(app)
    for blueprint in extra:
        app.register_blueprint(blueprint)
    if exempt is not None:
        csrf.exempt(exempt)
    problems.install(app, frame.refusal, problem_pages.refusal)
    assets.install(app)
    frame.install(app)
    cors.install(app, parts.allowed_origins)
    _pages(app)
    return app


def routes(app: Flask) -> None:
    """All that is served in production."""
    app.url_map.merge_slashes = False  # an id may begin with a slash; and no post is sent elsewhere
    add_converters(app.url_map)
    for blueprint in (*WITHOUT_COOKIES, *BLUEPRINTS):
        app.register_blueprint(blueprint)


def _pages(app: Flask) -> None:
    @app.get("/")
    @guarded_by("public")
    def home() -> AnyResponse:
        return redirect(url_for("admin_overview.page"))

    @app.errorhandler(CSRFError)
    def stale_form(error: CSRFError) -> tuple[str, int] | Response:
        detail = f"{error.description} Go back, reload the page and try again."
        if request.path.startswith("/admin"):
            return frame.refusal(400, "The form is too old", detail)
        return f"The form is too old or came from elsewhere: {detail}", 400

    @app.after_request
    def secure(response: Response) -> Response:
        given = set(response.headers.keys())
        response.headers.extend((name, value) for name, value in SECURE if name not in given)
        return response
