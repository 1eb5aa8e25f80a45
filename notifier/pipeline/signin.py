"""How an admin comes in: by a link, by a password, and by the second step where it is on; each try is counted first."""

from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.codes import step_of, typed_recovery_code
from notifier.pipeline.passwords import Passwords
from notifier.store.admins import Account, Admins
from notifier.store.database import Database
from notifier.store.factors import Factors, Proofs
from notifier.store.sessions import Sessions, Visitor
from notifier.store.tries import TooMany, Tries, What


@dataclass(frozen=True, slots=True)
class Entered:
    """An admin is in: the token of the session."""

    account: Account
    token: str


@dataclass(frozen=True, slots=True)
class Halfway:
    """The first step was right; the second is still to come."""

    admin: str
    linked: bool  # the first step was a link


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not right. What of it, nobody is told."""


Entry: TypeAlias = Entered | Halfway | Refused | TooMany


class SignIn:
    """Lets admins in. No transaction is open while a password is compared."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def by_link(self, token: str, visitor: Visitor) -> Entry:
        """Use up a one-time link."""
        with self._database.write() as connection:
            link = Admins(connection).enter(token, self._clock())
            if link is None:
                return Refused()
            proofs = Factors(connection).of(link.account.id)
            if link.asks and proofs and proofs.totp_secret:
                return Halfway(link.account.id, linked=True)
            return self._enter(connection, link.account, visitor, "a link", linked=True)

    def by_password(self, email: str, password: str, visitor: Visitor) -> Entry:
        """Compare a password: the same words and the same work, whether or not the address is an admin's."""
        with self._database.write() as connection:
            counted = Tries(connection).begin(What.PASSWORD, email, visitor.address, self._clock())
            proofs = Factors(connection).by_email(email)
        if isinstance(counted, TooMany):
            return counted
        fits = self._passwords.fits(password, proofs.password_hash if proofs else "")
        dated = fits and proofs and self._passwords.is_dated(proofs.password_hash)
        fresh = self._passwords.hashed(password) if dated else ""
        with self._database.write() as connection:
            # It may have been changed, or the admin removed, while it was compared.
            if proofs is None or not fits or not _stands(connection, proofs):
                self._note_failure(connection, proofs, visitor, "password")
                return Refused()
            if fresh:
                Factors(connection).set_password(proofs.account.id, fresh)
            if proofs.totp_secret:
                return Halfway(proofs.account.id, linked=False)
            return self._enter(connection, proofs.account, visitor, "a password")

    def by_code(self, halfway: Halfway, code: str, visitor: Visitor) -> Entry:
        """Compare the code of the second step, of the authenticator app or one that stands in for it."""
        with self._database.write() as connection:
            proofs = Factors(connection).of(halfway.admin)
            if proofs is None:
                return Refused()
            counted = Tries(connection).begin(What.CODE, proofs.account.email, visitor.address, self._clock())
            if isinstance(counted, TooMany):
                return counted
            by = self._proven_by(connection, proofs, code)
            if not by:
                self._note_failure(connection, proofs, visitor, "code")
                return Refused()
            first = "a link" if halfway.linked else "a password"
            return self._enter(connection, proofs.account, visitor, f"{first} and {by}", linked=halfway.linked)

    def _proven_by(self, connection: Connection, proofs: Proofs, code: str) -> str:
        """What proves it, in words; empty where nothing does. It is used up: none opens twice."""
        factors, admin = Factors(connection), proofs.account.id
        step = step_of(proofs.totp_secret, code, self._clock()) if proofs.totp_secret else None
        if step is not None:
            return "a code" if factors.use_step(admin, step) else ""
        return "a recovery code" if factors.use_code(admin, typed_recovery_code(code)) else ""

    def _enter(
        self, connection: Connection, account: Account, visitor: Visitor, by: str, *, linked: bool = False
    ) -> Entered:
        now = self._clock()
        Tries(connection).forgive(account.email)
        token = Sessions(connection).open(account.id, visitor, now, linked=linked)
        Admins(connection).note(account.email, "sign-in", f"by {by} from {visitor.address}", now)
        return Entered(account, token)

    def _note_failure(self, connection: Connection, proofs: Proofs | None, visitor: Visitor, what: str) -> None:
        # Not what was typed: it may be a password in the wrong field.
        who = proofs.account.email if proofs else "unknown"
        Admins(connection).note(who, "sign-in.failed", f"{what} from {visitor.address}", self._clock())


def _stands(connection: Connection, proofs: Proofs) -> bool:
    found = Factors(connection).of(proofs.account.id)
    return found is not None and found.password_hash == proofs.password_hash
