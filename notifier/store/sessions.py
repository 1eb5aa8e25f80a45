"""Which browsers are signed in to the admin pages, and until when."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from notifier.store.admins import Account, Role, digest
from notifier.store.models import Admin, AdminSession
from notifier.store.sql import AnyRow, insert
from notifier.store.types import new_id

IDLE = timedelta(hours=12)
SEEN = timedelta(minutes=1)  # a session is written down as seen at most so often: pages only read otherwise


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at the door: the network address, and what the browser calls itself."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. `linked_at` as in `AdminSession`."""

    id: str
    began_at: datetime
    seen_at: datetime
    linked_at: datetime | None
    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An admin in one of their sessions."""

    account: Account
    session: Session


class Sessions:
    """All about sessions, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(self, admin: str, visitor: Visitor, now: datetime, *, linked: bool) -> str:
        """The token of a new session, begun by a link or not. Those that fell asleep are forgotten."""
        self._connection.execute(delete(AdminSession).where(AdminSession.seen_at <= now - IDLE))
        token = secrets.token_urlsafe(32)
        row = insert(self._connection, AdminSession).values(
            id=new_id("ses"),
            token_hash=digest(token),
            admin_id=admin,
            began_at=now,
            seen_at=now,
            linked_at=now if linked else None,
            address=visitor.address[:64],
            browser=visitor.browser[:255],
        )
        self._connection.execute(row)
        return token

    def find(self, token: str, now: datetime) -> SignedIn | None:
        """Who is signed in with this token; None where nobody is, or the session was idle for too long."""
        query = (
            select(AdminSession, Admin.email, Admin.role)
            .join(Admin, Admin.id == AdminSession.admin_id)
            .where(AdminSession.token_hash == digest(token), AdminSession.seen_at > now - IDLE)
        )
        row = self._connection.execute(query).one_or_none()
        return SignedIn(Account(row.admin_id, row.email, Role(row.role)), _session(row)) if row else None

    def see(self, id: str, now: datetime) -> None:
        """Note that the session was used."""
        used = update(AdminSession).where(AdminSession.id == id, AdminSession.seen_at < now)
        self._connection.execute(used.values(seen_at=now))

    def of(self, admin: str, now: datetime) -> list[Session]:
        """The admin's sessions, the one used last first."""
        live = select(AdminSession).where(AdminSession.admin_id == admin, AdminSession.seen_at > now - IDLE)
        return [_session(row) for row in self._connection.execute(live.order_by(AdminSession.seen_at.desc()))]

    def end(self, admin: str, id: str) -> bool:
        """End one of the admin's sessions; False where there is no such one."""
        its = delete(AdminSession).where(AdminSession.admin_id == admin, AdminSession.id == id)
        return self._connection.execute(its).rowcount == 1

    def end_others(self, admin: str, keep: str = "") -> int:
        """End all of the admin's sessions but the one to keep; gives how many they were."""
        theirs = delete(AdminSession).where(AdminSession.admin_id == admin)
        if keep:
            theirs = theirs.where(AdminSession.id != keep)
        return self._connection.execute(theirs).rowcount


def _session(row: AnyRow) -> Session:
    return Session(row.id, row.began_at, row.seen_at, row.linked_at, row.address, row.browser)
