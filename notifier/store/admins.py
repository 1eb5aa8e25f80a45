"""Admins, their one-time links, and the record of what was done."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Connection, delete, select

from notifier.store.models import Admin, Audit, LoginLink
from notifier.store.sql import insert
from notifier.store.types import new_id

LINK_LIVES = timedelta(minutes=15)


class Role(StrEnum):
    """What an admin may do; each includes the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may open the admin pages."""

    id: str
    email: str
    role: Role


class Admins:
    """All about admins, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, email: str, role: Role, now: datetime) -> Account:
        """Make the admin, or give them this role."""
        row = insert(self._connection, Admin).values(id=new_id("adm"), email=email, role=role, created_at=now)
        made = self._connection.execute(
            row.on_conflict_do_update(index_elements=["email"], set_={"role": role}).returning(Admin.id)
        )
        return Account(made.scalar_one(), email, role)

    def find(self, id: str) -> Account | None:
        """The admin of that id, or None."""
        row = self._connection.execute(select(Admin).where(Admin.id == id)).one_or_none()
        return Account(row.id, row.email, Role(row.role)) if row else None

    def link(self, admin: str, now: datetime) -> str:
        """The token of a fresh sign-in link, good once and for 15 minutes."""
        token = secrets.token_urlsafe(32)
        self._connection.execute(
            insert(self._connection, LoginLink).values(
                token_hash=_digest(token), admin_id=admin, expires_at=now + LINK_LIVES
            )
        )
        return token

    def enter(self, token: str, now: datetime) -> Account | None:
        """Use up a link; the admin whose it was, or None where it is unknown, used or too old."""
        used = self._connection.execute(
            delete(LoginLink)
            .where(LoginLink.token_hash == _digest(token))
            .returning(LoginLink.admin_id, LoginLink.expires_at)
        ).one_or_none()
        self._connection.execute(delete(LoginLink).where(LoginLink.expires_at <= now))
        if used is None or used.expires_at <= now:
            return None
        return self.find(used.admin_id)

    def note(self, who: str, action: str, subject: str, now: datetime) -> None:
        """Record that somebody did something."""
        self._connection.execute(
            insert(self._connection, Audit).values(
                id=new_id("aud"), at=now, who=who, action=action, subject=subject[:512]
            )
        )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
