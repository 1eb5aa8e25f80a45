"""Admins, their one-time links, and the record of what was done."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Connection, delete, func, select, update

from notifier.store.models import Admin, AdminSession, Audit, LoginLink
from notifier.store.sql import AnyRow, insert, locked_all
from notifier.store.types import new_id

LINK_LIVES = timedelta(minutes=15)


class Role(StrEnum):
    """What an admin may do; each includes the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    @property
    def included(self) -> "tuple[Role, ...]":
        """The roles that may do no more than this one, itself among them."""
        order = list(Role)
        return tuple(order[: order.index(self) + 1])

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what the other may."""
        return other in self.included


class LastOwner(Exception):
    """Without this owner nobody could look after the admins any more."""

    def __init__(self) -> None:
        super().__init__("This is the last owner: make another admin an owner first.")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may open the admin pages."""

    id: str
    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class AdminEntry:
    """An admin as the list shows them: how they can sign in, and when they were last seen."""

    account: Account
    created_at: datetime
    has_password: bool
    has_totp: bool
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that was used up or looked at. `asks` as in `LoginLink`."""

    account: Account
    asks: bool


class Admins:
    """All about admins, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, email: str, role: Role, now: datetime) -> Account:
        """Make the admin, or give them this role."""
        email = as_kept(email)
        row = insert(self._connection, Admin).values(id=new_id("adm"), email=email, role=role, created_at=now)
        made = self._connection.execute(
            row.on_conflict_do_update(index_elements=["email"], set_={"role": role}).returning(Admin.id)
        )
        return Account(made.scalar_one(), email, role)

    def find(self, id: str) -> Account | None:
        """The admin of that id, or None."""
        row = self._connection.execute(select(Admin).where(Admin.id == id)).one_or_none()
        return _account(row) if row else None

    def by_email(self, email: str) -> Account | None:
        """The admin of that address, however it is written, or None."""
        row = self._connection.execute(select(Admin).where(Admin.email == as_kept(email))).one_or_none()
        return _account(row) if row else None

    def all(self) -> list[AdminEntry]:
        """Every admin, by address."""
        seen = select(func.max(AdminSession.seen_at)).where(AdminSession.admin_id == Admin.id).scalar_subquery()
        rows = self._connection.execute(select(Admin, seen.label("seen_at")).order_by(Admin.email))
        return [
            AdminEntry(_account(row), row.created_at, bool(row.password_hash), bool(row.totp_secret), row.seen_at)
            for row in rows
        ]

    def change_role(self, id: str, role: Role) -> None:
        """Give the admin this role. Raises `LastOwner`."""
        if role != Role.OWNER:
            self._keep_an_owner(id)
        self._connection.execute(update(Admin).where(Admin.id == id).values(role=role))

    def remove(self, id: str) -> None:
        """Let the admin in no more, from now on. Raises `LastOwner`."""
        self._keep_an_owner(id)
        self._connection.execute(delete(LoginLink).where(LoginLink.admin_id == id))
        self._connection.execute(delete(Admin).where(Admin.id == id))

    def _keep_an_owner(self, but: str) -> None:
        # All owners are locked: else two could remove each other at the same moment.
        owners = locked_all(self._connection, select(Admin.id).where(Admin.role == Role.OWNER).order_by(Admin.id))
        if list(self._connection.scalars(owners)) == [but]:
            raise LastOwner

    def link(self, admin: str, now: datetime, *, asks: bool = False) -> str:
        """The token of a fresh sign-in link, good once and for 15 minutes; `asks` as in `LoginLink`."""
        token = secrets.token_urlsafe(32)
        self._connection.execute(
            insert(self._connection, LoginLink).values(
                token_hash=digest(token), admin_id=admin, expires_at=now + LINK_LIVES, asks=asks
            )
        )
        return token

    def look_at(self, token: str, now: datetime) -> Link | None:
        """Whose link it is, without using it up; None where it is unknown, used or too old."""
        its = select(Admin, LoginLink.asks).join(LoginLink, LoginLink.admin_id == Admin.id)
        live = (LoginLink.token_hash == digest(token), LoginLink.expires_at > now)
        row = self._connection.execute(its.where(*live)).one_or_none()
        return Link(_account(row), row.asks) if row else None

    def enter(self, token: str, now: datetime) -> Link | None:
        """Use up a link; None where it is unknown, used or too old."""
        used = self._connection.execute(
            delete(LoginLink)
            .where(LoginLink.token_hash == digest(token))
            .returning(LoginLink.admin_id, LoginLink.expires_at, LoginLink.asks)
        ).one_or_none()
        self._connection.execute(delete(LoginLink).where(LoginLink.expires_at <= now))
        if used is None or used.expires_at <= now:
            return None
        account = self.find(used.admin_id)
        return Link(account, used.asks) if account else None

    def note(self, who: str, action: str, subject: str, now: datetime) -> None:
        """Record that somebody did something."""
        self._connection.execute(
            insert(self._connection, Audit).values(
                id=new_id("aud"), at=now, who=who[:255], action=action, subject=subject[:512]
            )
        )


def as_kept(email: str) -> str:
    """The address as it is kept and compared: one admin, however it is written."""
    return email.strip().lower()


def digest(token: str) -> bytes:
    """What is kept of a token that opens something."""
    return sha256(token.encode()).digest()


def _account(row: AnyRow) -> Account:
    return Account(row.id, row.email, Role(row.role))
