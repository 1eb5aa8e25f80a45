"""Upstream apps and their credentials."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, or_, select, update

from notifier.store.models import App, AppSecret
from notifier.store.sql import insert
from notifier.store.types import new_id

SIGNING, API_KEY = "signing", "key"
# Under which the service itself announces something: made on first use, and without credentials.
BUILT_IN, BUILT_IN_NAME = "app_00000000000070008000000000000000", "notifier"
# What an API key may do: post events, keep people's profiles and choices, read the log, retry and cancel, and decide
# what runs when.
SCOPES = ("events", "people", "log", "operate", "schedules")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an app needs, shown once: its id, the Standard Webhooks secret and the API key."""

    app: str
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Access:
    """Which app it is that came in, and what its key may do. Of a `lenient` one unknown types are stored too."""

    app: str
    scopes: frozenset[str] = frozenset()
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Signer:
    """An app that signs: its live secrets, newest first; none where it is unknown or revoked."""

    access: Access
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """An upstream app. Of a `lenient` one, events of unknown types are stored, and nobody is told."""

    id: str
    name: str
    lenient: bool
    created_at: datetime
    revoked_at: datetime | None


class Apps:
    """All about apps, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, name: str, now: datetime, scopes: Sequence[str] = SCOPES, *, lenient: bool = False) -> Credentials:
        """A new app with a fresh signing secret and an API key of these scopes."""
        app = new_id("app")
        row = insert(self._connection, App).values(id=app, name=name, lenient=lenient, created_at=now)
        self._connection.execute(row)
        return Credentials(app, self._issue(app, SIGNING, now), self._issue(app, API_KEY, now, scopes))

    def keep_built_in(self, now: datetime) -> None:
        """Make the app of the service itself, where it is missing."""
        row = insert(self._connection, App).values(id=BUILT_IN, name=BUILT_IN_NAME, created_at=now)
        self._connection.execute(row.on_conflict_do_nothing())

    def rotate(self, app: str, *, overlap: timedelta, now: datetime) -> str | None:
        """A fresh signing secret; those before stay valid for `overlap`. None where there is no such live app."""
        if not self._alive(app):
            return None
        self._connection.execute(
            update(AppSecret)
            .where(
                AppSecret.app_id == app,
                AppSecret.kind == SIGNING,
                or_(AppSecret.expires_at.is_(None), AppSecret.expires_at > now + overlap),
            )
            .values(expires_at=now + overlap)
        )
        return self._issue(app, SIGNING, now)

    def widen(self, app: str, scopes: Sequence[str] = SCOPES) -> None:
        """Let the app's API keys do what these scopes say."""
        its = (AppSecret.app_id == app, AppSecret.kind == API_KEY)
        self._connection.execute(update(AppSecret).where(*its).values(scopes=" ".join(scopes)))

    def revoke(self, app: str, now: datetime) -> bool:
        """End the app's access; False where there is no such live app."""
        ended = self._connection.execute(
            update(App).where(App.id == app, App.revoked_at.is_(None)).values(revoked_at=now)
        )
        return ended.rowcount == 1

    def all(self) -> list[Sender]:
        """Every app, the oldest first."""
        rows = self._connection.execute(select(App).order_by(App.id))
        return [Sender(row.id, row.name, row.lenient, row.created_at, row.revoked_at) for row in rows]

    def signer(self, app: str, now: datetime) -> Signer:
        """The app with its live signing secrets, newest first; without any where it is unknown or revoked."""
        query = (
            select(AppSecret.value, App.lenient)
            .join(App, App.id == AppSecret.app_id)
            .where(App.id == app, App.revoked_at.is_(None), AppSecret.kind == SIGNING, _live(now))
            .order_by(AppSecret.id.desc())
        )
        rows = self._connection.execute(query).all()
        return Signer(Access(app, lenient=any(row.lenient for row in rows)), tuple(row.value for row in rows))

    def by_key(self, key: str, now: datetime) -> Access | None:
        """What the live API key opens. Found by its SHA-256, so that no comparison tells about the key."""
        row = self._connection.execute(
            select(App.id, App.lenient, AppSecret.scopes)
            .join(AppSecret, App.id == AppSecret.app_id)
            .where(AppSecret.kind == API_KEY, AppSecret.value == _digest(key), App.revoked_at.is_(None), _live(now))
        ).one_or_none()
        return Access(row.id, frozenset(row.scopes.split()), row.lenient) if row else None

    def _alive(self, app: str) -> bool:
        return self._connection.scalar(select(App.id).where(App.id == app, App.revoked_at.is_(None))) is not None

    def _issue(self, app: str, kind: str, now: datetime, scopes: Sequence[str] = ()) -> str:
        shown = make_signing_secret() if kind == SIGNING else f"nk_{secrets.token_urlsafe(32)}"
        self._connection.execute(
            insert(self._connection, AppSecret).values(
                id=new_id("sec"),
                app_id=app,
                kind=kind,
                value=shown if kind == SIGNING else _digest(shown),
                scopes=" ".join(scopes),
                hint=shown[:10],
                created_at=now,
            )
        )
        return shown


def make_signing_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 32 random octets in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _live(now: datetime):  # type: ignore[no-untyped-def]  # a SQL expression
    return or_(AppSecret.expires_at.is_(None), AppSecret.expires_at > now)
