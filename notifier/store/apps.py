"""Upstream apps and their credentials."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, or_, select, update

from notifier.store.models import App, AppSecret
from notifier.store.sql import AnyRow, insert
from notifier.store.types import new_id

SIGNING, API_KEY = "signing", "key"
# Under which the service itself announces something: made on first use, and without credentials.
BUILT_IN, BUILT_IN_NAME = "app_00000000000070008000000000000000", "notifier"
# How an event came in: with an API key alone or in a batch, signed, from an admin's page, or by the service itself.
BY_KEY, IN_BATCH, BY_SIGNATURE, BY_ADMIN, BY_SERVICE = "key", "batch", "signature", "admin", "service"
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
    """Which app it is that came in, by which credential, and what its key may do.

    Of a `lenient` one unknown types are stored too.
    """

    app: str
    scopes: frozenset[str] = frozenset()
    lenient: bool = False
    door: str = BY_KEY
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """An app that signs: its live secrets, newest first; none where it is unknown or revoked.

    Each opens what stands at its place in `accesses`.
    """

    secrets: tuple[str, ...] = ()
    accesses: tuple[Access, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """An upstream app. Of a `lenient` one, events of unknown types are stored, and nobody is told."""

    id: str
    name: str
    lenient: bool
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credential:
    """A signing secret or an API key as it may be shown: by its first characters. `last_used_at` is to the minute."""

    id: str
    app: str
    kind: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def lives(self, now: datetime) -> bool:
        """Whether it opens anything still."""
        return self.expires_at is None or self.expires_at > now


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
        self._expire(now + overlap, AppSecret.app_id == app, AppSecret.kind == SIGNING)
        return self._issue(app, SIGNING, now)

    def add_key(self, app: str, scopes: Sequence[str], now: datetime) -> str | None:
        """One more API key, of these scopes; None where there is no such live app."""
        return self._issue(app, API_KEY, now, scopes) if self._alive(app) else None

    def rotate_key(self, app: str, key: str, *, overlap: timedelta, now: datetime) -> str | None:
        """A fresh API key with the scopes of the one with that id, which stays valid for `overlap`.

        None where there is no such live key of a live app.
        """
        found = next((one for one in self.credentials(app) if (one.id, one.kind) == (key, API_KEY)), None)
        if found is None or not found.lives(now) or not self._alive(app):
            return None
        self._expire(now + overlap, AppSecret.id == key)
        return self._issue(app, API_KEY, now, found.scopes)

    def end(self, app: str, credential: str, now: datetime) -> bool:
        """End one credential of the app, now; False where it has no such live one."""
        return self._expire(now, AppSecret.app_id == app, AppSecret.id == credential)

    def set_lenient(self, app: str, *, lenient: bool) -> bool:
        """Let the app's events of unknown types be stored, or refused; False where there is no such live app."""
        changed = self._connection.execute(
            update(App).where(App.id == app, App.revoked_at.is_(None)).values(lenient=lenient)
        )
        return changed.rowcount == 1

    def used(self, credential: str, now: datetime) -> None:
        """Note that it was used."""
        self._connection.execute(update(AppSecret).where(AppSecret.id == credential).values(last_used_at=now))

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
        return [_sender(row) for row in self._connection.execute(select(App).order_by(App.id))]

    def find(self, app: str) -> Sender | None:
        """The app of that id, or None."""
        row = self._connection.execute(select(App).where(App.id == app)).one_or_none()
        return _sender(row) if row else None

    def credentials(self, app: str = "") -> list[Credential]:
        """The credentials of one app or of all, those that ended too; newest first."""
        query = select(AppSecret).order_by(AppSecret.id.desc())
        rows = self._connection.execute(query.where(AppSecret.app_id == app) if app else query)
        return [
            Credential(
                row.id, row.app_id, row.kind, row.hint, tuple(row.scopes.split()),
                row.created_at, row.expires_at, row.last_used_at,
            )
            for row in rows
        ]  # fmt: skip

    def signer(self, app: str, now: datetime) -> Signer:
        """The app with its live signing secrets, newest first; without any where it is unknown or revoked."""
        query = (
            select(AppSecret.id, AppSecret.value, App.lenient)
            .join(App, App.id == AppSecret.app_id)
            .where(App.id == app, App.revoked_at.is_(None), AppSecret.kind == SIGNING, _live(now))
            .order_by(AppSecret.id.desc())
        )
        rows = self._connection.execute(query).all()
        accesses = [Access(app, lenient=row.lenient, door=BY_SIGNATURE, credential=row.id) for row in rows]
        return Signer(tuple(row.value for row in rows), tuple(accesses))

    def by_key(self, key: str, now: datetime) -> Access | None:
        """What the live API key opens. Found by its SHA-256, so that no comparison tells about the key."""
        row = self._connection.execute(
            select(App.id, App.lenient, AppSecret.scopes, AppSecret.id.label("credential"))
            .join(AppSecret, App.id == AppSecret.app_id)
            .where(AppSecret.kind == API_KEY, AppSecret.value == _digest(key), App.revoked_at.is_(None), _live(now))
        ).one_or_none()
        if row is None:
            return None
        return Access(row.id, frozenset(row.scopes.split()), row.lenient, BY_KEY, row.credential)

    def _alive(self, app: str) -> bool:
        live = select(App.id).where(App.id == app, App.id != BUILT_IN, App.revoked_at.is_(None))
        return self._connection.scalar(live) is not None

    def _expire(self, at: datetime, *which: ColumnElement[bool]) -> bool:
        """Let those of these credentials end at that moment that would not before; whether there were any."""
        later = or_(AppSecret.expires_at.is_(None), AppSecret.expires_at > at)
        return self._connection.execute(update(AppSecret).where(*which, later).values(expires_at=at)).rowcount > 0

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


def _sender(row: AnyRow) -> Sender:
    return Sender(row.id, row.name, row.lenient, row.created_at, row.revoked_at)


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _live(now: datetime):  # type: ignore[no-untyped-def]  # a SQL expression
    return or_(AppSecret.expires_at.is_(None), AppSecret.expires_at > now)
