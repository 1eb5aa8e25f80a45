"""What admins do about their own account: password, second step, sessions. Each act asks who they are, and is noted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.codes import new_recovery_codes, new_secret, step_of
from notifier.pipeline.passwords import Passwords
from notifier.policy.passwords import password_fault
from notifier.store.admins import LINK_LIVES, Admins
from notifier.store.database import Database
from notifier.store.factors import Factors, Proofs
from notifier.store.sessions import Session, Sessions, SignedIn
from notifier.store.tries import TooMany, Tries, What


class Declined(Exception):
    """It was not done. The message is a sentence for the admin; `until` is set where it is a matter of time."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands."""

    has_password: bool
    has_totp: bool
    offered: str  # a secret that was shown and not confirmed yet
    codes_left: int
    asks_password: bool  # before the password or the second step is changed
    sessions: list[Session]


class OwnAccount:
    """The account of whoever is signed in."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def standing(self, who: SignedIn) -> Standing:
        """How the account stands. Raises `Declined` where it was removed meanwhile."""
        with self._database.read() as connection:
            proofs = _proofs(connection, who)
            return Standing(
                has_password=bool(proofs.password_hash),
                has_totp=bool(proofs.totp_secret),
                offered=proofs.totp_offered,
                codes_left=Factors(connection).codes_left(who.account.id),
                asks_password=self._asks_password(who, proofs),
                sessions=Sessions(connection).of(who.account.id, self._clock()),
            )

    def set_password(self, who: SignedIn, current: str, new: str) -> None:
        """Take a new password, and end the other sessions. Raises `Declined`."""
        if fault := password_fault(new, who.account.email):
            raise Declined(fault)
        self._prove(who, current)
        kept = self._passwords.hashed(new)
        with self._database.write() as connection:
            Factors(connection).set_password(who.account.id, kept)
            Sessions(connection).end_others(who.account.id, who.session.id)
            self._note(connection, who, "account.password")

    def offer_totp(self, who: SignedIn, current: str) -> None:
        """Make a secret to be shown, for an authenticator app. Raises `Declined`."""
        self._prove(who, current)
        with self._database.write() as connection:
            if not _proofs(connection, who).password_hash:
                raise Declined("Set a password first: the second step comes after it.")
            Factors(connection).offer_totp(who.account.id, new_secret())

    def turn_totp_on(self, who: SignedIn, code: str) -> list[str]:
        """Ask for codes from now on; the recovery codes, to be shown once. Raises `Declined`."""
        with self._database.write() as connection:
            offered, factors = _proofs(connection, who).totp_offered, Factors(connection)
            step = step_of(offered, code, self._clock()) if offered else None
            if step is None:
                raise Declined("This code is not the one of now. Type the six digits that the app shows.")
            factors.turn_totp_on(who.account.id, offered)
            factors.use_step(who.account.id, step)
            codes = new_recovery_codes()
            factors.keep_codes(who.account.id, codes)
            self._note(connection, who, "account.totp-on")
        return codes

    def turn_totp_off(self, who: SignedIn, current: str) -> None:
        """Ask for codes no more. Raises `Declined`."""
        self._prove(who, current)
        with self._database.write() as connection:
            Factors(connection).turn_totp_off(who.account.id)
            self._note(connection, who, "account.totp-off")

    def renew_codes(self, who: SignedIn, current: str) -> list[str]:
        """Fresh recovery codes, to be shown once; those before open nothing any more. Raises `Declined`."""
        self._prove(who, current)
        codes = new_recovery_codes()
        with self._database.write() as connection:
            if not _proofs(connection, who).totp_secret:
                raise Declined("The second step is off: there is nothing that a code could stand in for.")
            Factors(connection).keep_codes(who.account.id, codes)
            self._note(connection, who, "account.codes")
        return codes

    def end(self, who: SignedIn, session: str) -> bool:
        """End one of the own sessions; False where it had ended."""
        with self._database.write() as connection:
            ended = Sessions(connection).end(who.account.id, session)
            if ended:
                self._note(connection, who, "sign-out", session)
        return ended

    def end_others(self, who: SignedIn) -> int:
        """End the own sessions everywhere else; gives how many they were."""
        with self._database.write() as connection:
            ended = Sessions(connection).end_others(who.account.id, who.session.id)
            if ended:
                self._note(connection, who, "sign-out", f"everywhere else: {ended}")
        return ended

    def _prove(self, who: SignedIn, current: str) -> None:
        """Ask for the password again, as often as at the door: an open browser is not yet its owner."""
        with self._database.write() as connection:
            proofs = _proofs(connection, who)
            if not self._asks_password(who, proofs):
                return
            counted = Tries(connection).begin(What.PASSWORD, who.account.email, who.session.address, self._clock())
        if isinstance(counted, TooMany):
            raise Declined("Too many wrong passwords.", counted.until)
        if not self._passwords.fits(current, proofs.password_hash):
            raise Declined("This is not your present password.")
        with self._database.write() as connection:
            Tries(connection).forgive(who.account.email)

    def _asks_password(self, who: SignedIn, proofs: Proofs) -> bool:
        """Not of those who have none, and not of those whom a link has just let in: it stands in for a lost one."""
        linked = who.session.linked_at
        return bool(proofs.password_hash) and (linked is None or linked + LINK_LIVES <= self._clock())

    def _note(self, connection: Connection, who: SignedIn, action: str, subject: str = "") -> None:
        Admins(connection).note(who.account.email, action, subject or who.account.email, self._clock())


def _proofs(connection: Connection, who: SignedIn) -> Proofs:
    found = Factors(connection).of(who.account.id)
    if found is None:
        raise Declined("This account was removed.")
    return found
