"""Who may call what: every view says it with one decorator, and a test walks all routes."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Generic, TypeVar

from flask import current_app, g, request
from pydantic import BaseModel

from notifier.policy.tokens import PREFIX, PersonToken, read_person_token
from notifier.store.apps import Access, Apps, Signer
from notifier.store.database import Database, DatabaseAway
from notifier.web.cors import from_browsers
from notifier.web.parts import parts
from notifier.web.problems import Problem

log = logging.getLogger(__name__)

V = TypeVar("V", bound=Callable[..., Any])
T = TypeVar("T")

REMEMBERED = 2.0  # seconds; a revoked key or secret works at most this much longer
MOST = 10_000
NOTED_EVERY = 60.0  # seconds, that a credential was used
LONGEST_KEY = 100  # characters; ours have 46


class Remembered(Generic[T]):
    """A few answers of the database, kept for a moment, so that the hot path need not ask it."""

    def __init__(self, ask: Callable[[str], T]) -> None:
        self._ask = ask
        self._answers: dict[str, tuple[float, T]] = {}

    def get(self, key: str) -> T:
        """The answer, at most `REMEMBERED` seconds old."""
        now = time.monotonic()
        found = self._answers.get(key)
        if found is not None and found[0] > now:
            return found[1]
        return self.fresh(key)

    def fresh(self, key: str) -> T:
        """The answer of this moment."""
        if len(self._answers) > MOST:
            self._answers.clear()
        answer = self._ask(key)
        self._answers[key] = (time.monotonic() + REMEMBERED, answer)
        return answer


class Doorkeeper:
    """Knows keys and signing secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.keys = Remembered(self._key)
        self.signers = Remembered(self._signer)
        self._noted: dict[str, float] = {}

    def used(self, access: Access) -> None:
        """Note that a credential was used, at most once a minute in this process: each note is a write."""
        now = time.monotonic()
        if now < self._noted.get(access.credential, 0.0):
            return
        self._noted[access.credential] = now + NOTED_EVERY
        try:
            with self._database.write() as connection:
                Apps(connection).used(access.credential, datetime.now(UTC))
        except DatabaseAway as error:
            # Whoever needs the database says so; that a key was used is not worth a refusal.
            log.warning("that a credential was used is not noted: %s", error)

    def _key(self, key: str) -> Access | None:
        with self._database.read() as connection:
            return Apps(connection).by_key(key, datetime.now(UTC))

    def _signer(self, app: str) -> Signer:
        with self._database.read() as connection:
            return Apps(connection).signer(app, datetime.now(UTC))


def needs(scope: str) -> Callable[[V], V]:
    """The view is for API keys of this scope. Sets `g.access` and `g.app_id`."""

    def wrap(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.access = _by_key(scope)
            g.app_id = g.access.app
            return view(*args, **kwargs)

        return guarded_by(f"key:{scope}")(guarded)  # type: ignore[return-value]  # the same view, guarded

    return wrap


def of_person(scope: str, *, in_query: bool = False) -> Callable[[V], V]:
    """The view, of one `user_id`, is for API keys of this scope and for that person's own browser with its token.

    Sets `g.token`, None for a key, whose app is `g.app_id`. With `in_query` the token may stand in the address: a
    browser's EventSource sends no headers.
    """

    def wrap(view: V) -> V:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.token = _by_token(kwargs["user_id"], in_query=in_query)
            if g.token is None:
                g.access = _by_key(scope)
                g.app_id = g.access.app
            return view(*args, **kwargs)

        return from_browsers(guarded_by(f"person:{scope}")(guarded))  # type: ignore[return-value]  # the same view

    return wrap


def guarded_by(guard: str) -> Callable[[V], V]:
    """Say how a view is guarded, for the test that walks all routes."""

    def mark(view: V) -> V:
        view.guard = guard  # type: ignore[attr-defined]  # functions carry attributes
        return view

    return mark


def takes(
    body: type[BaseModel] | None = None, query: type[BaseModel] | None = None, *, uploads: bool = False
) -> Callable[[V], V]:
    """Say what a view reads, for the API's description; with `uploads` a file as well."""

    def mark(view: V) -> V:
        view.uploads = uploads  # type: ignore[attr-defined]  # functions carry attributes
        for name, model in (("takes", body), ("query", query)):
            if model is not None:
                setattr(view, name, model)
        return view

    return mark


def _by_token(user: str, *, in_query: bool) -> PersonToken | None:
    """The token that the request bears, which must be this person's; None where it bears a key, or nothing."""
    text = _bearer()
    if not text and in_query:
        text = request.args.get("token", "")
    if not text.startswith(PREFIX):
        return None
    token = read_person_token(parts().link_secret, text)
    if token is None or token.until <= parts().clock():
        raise Problem(401, "unauthorized", "This token is not ours or has run out. Ask your app for a new one.")
    if token.user != user:
        raise Problem(403, "forbidden", "This token is another person's.")
    return token


def _bearer() -> str:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _by_key(scope: str) -> Access:
    doorkeeper: Doorkeeper = current_app.extensions["doorkeeper"]
    key = _bearer()
    # Whatever was asked for is remembered for a while: strangers must not fill the memory with long ones.
    access = doorkeeper.keys.get(key) if 0 < len(key) <= LONGEST_KEY else None
    if access is None:
        cause = "unknown_key" if key else "no_key"
        raise Problem(401, "unauthorized", "Send a live API key: Authorization: Bearer nk_…", cause=cause)
    doorkeeper.used(access)
    if scope not in access.scopes:
        g.access = access
        raise Problem(403, "forbidden", f"This key lacks the scope {scope}.", cause="scope")
    return access
