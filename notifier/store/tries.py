"""Tries to sign in, counted by account and by network address, so that guessing leads nowhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, select, text, update

from notifier.store.admins import as_kept
from notifier.store.models import SignInTry
from notifier.store.sql import insert
from notifier.store.types import new_id

MOST = 10  # tries, of one account or from one address
WINDOW = timedelta(minutes=15)


class What(StrEnum):
    """What was tried."""

    PASSWORD = "password"  # noqa: S105 (the word itself)
    CODE = "code"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class TooMany:
    """No more tries until this moment."""

    until: datetime


class Tries:
    """All about tries, in one transaction of the given connection: they count across all web processes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, what: What, email: str, address: str, now: datetime) -> str | TooMany:
        """Count a try before it is made; its id, or that there were too many of its kind.

        The address counts as it was typed, whether or not it is an admin's: the answer tells nobody.
        """
        email, address = as_kept(email)[:255], address[:64]
        self._alone()
        self._connection.execute(delete(SignInTry).where(SignInTry.at <= now - WINDOW))
        for these in (SignInTry.email == email, SignInTry.address == address):
            if (full := self._full(what, these)) is not None:
                return TooMany(full + WINDOW)
        made = new_id("try")
        row = {"id": made, "at": now, "what": what, "email": email, "address": address}
        self._connection.execute(insert(self._connection, SignInTry).values(**row))
        return made

    def forgive(self, email: str) -> None:
        """Forget the failures of an account that signed in. Those at other accounts still count."""
        failed = (SignInTry.email == as_kept(email), SignInTry.what != What.MAIL)
        self._connection.execute(delete(SignInTry).where(*failed))

    def take(self, id: str, now: datetime) -> tuple[str, str] | None:
        """Take up the mail that was asked for: for which e-mail address, and from where. None where that was done."""
        asked = (SignInTry.id == id, SignInTry.what == What.MAIL, SignInTry.taken_at.is_(None))
        taken = update(SignInTry).where(*asked).values(taken_at=now)
        row = self._connection.execute(taken.returning(SignInTry.email, SignInTry.address)).one_or_none()
        return (row.email, row.address) if row else None

    def _full(self, what: What, these: ColumnElement[bool]) -> datetime | None:
        """When the oldest of the last `MOST` was, where there are so many."""
        newest = select(SignInTry.at).where(SignInTry.what == what, these).order_by(SignInTry.at.desc())
        return self._connection.scalar(newest.offset(MOST - 1).limit(1))

    def _alone(self) -> None:
        # Many tries at the same moment must not each find room for one more. SQLite has one writer anyway.
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("LOCK TABLE signin_tries IN SHARE ROW EXCLUSIVE MODE"))
