"""What owners do about the admins: ask somebody in, change a role, remove, reset the second step. All is noted."""

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.store.admins import Account, Admins, LastOwner, Role
from notifier.store.database import Database
from notifier.store.factors import Factors
from notifier.store.sessions import Sessions

__all__ = ["LastOwner", "Staff", "UnknownAdmin"]


class UnknownAdmin(Exception):
    """There is no such admin, or not any more."""


class Staff:
    """All admins. `who` is the one who acts, as the record names them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def invite(self, email: str, role: Role, *, who: str) -> Account | None:
        """Make an admin; None where there is one of that address, who stays as they are."""
        with self._database.write() as connection:
            admins = Admins(connection)
            if admins.by_email(email):
                return None
            made = admins.save(email, role, self._clock())
            self._note(connection, who, "admin.invite", f"{made.email} as {role}")
        return made

    def keep(self, email: str, role: Role | None, *, who: str) -> Account:
        """Make an admin, a viewer where no role is given; or give one this role. Raises `LastOwner`."""
        with self._database.write() as connection:
            admins = Admins(connection)
            known = admins.by_email(email)
            if known is None:
                made = admins.save(email, role or Role.VIEWER, self._clock())
                self._note(connection, who, "admin.invite", f"{made.email} as {made.role}")
                return made
            if role is None or role == known.role:
                return known
            self._change(connection, known, role, who)
            return Account(known.id, known.email, role)

    def change_role(self, id: str, role: Role, *, who: str) -> Account:
        """Give an admin another role, from now on; how they stood before. Raises `UnknownAdmin`, `LastOwner`."""
        with self._database.write() as connection:
            before = _known(connection, id)
            if before.role != role:
                self._change(connection, before, role, who)
        return before

    def remove(self, id: str, *, who: str) -> Account:
        """Remove an admin, who is out at once; who it was. Raises `UnknownAdmin`, `LastOwner`."""
        with self._database.write() as connection:
            gone = _known(connection, id)
            Admins(connection).remove(id)
            self._note(connection, who, "admin.remove", gone.email)
        return gone

    def reset_totp(self, id: str, *, who: str) -> Account:
        """Turn an admin's second step off, and end all their sessions: the phone may be in other hands.

        Raises `UnknownAdmin`.
        """
        with self._database.write() as connection:
            known = _known(connection, id)
            Factors(connection).turn_totp_off(id)
            Sessions(connection).end_others(id)
            self._note(connection, who, "admin.totp-reset", known.email)
        return known

    def link(self, id: str, *, who: str, asks: bool) -> str:
        """The token of a fresh sign-in link; `asks` as in `LoginLink`. Raises `UnknownAdmin`."""
        with self._database.write() as connection:
            known = _known(connection, id)
            self._note(connection, who, "admin.link", known.email)
            return Admins(connection).link(id, self._clock(), asks=asks)

    def _change(self, connection: Connection, known: Account, role: Role, who: str) -> None:
        Admins(connection).change_role(known.id, role)
        self._note(connection, who, "admin.role", f"{known.email} from {known.role} to {role}")

    def _note(self, connection: Connection, who: str, action: str, subject: str) -> None:
        Admins(connection).note(who, action, subject, self._clock())


def _known(connection: Connection, id: str) -> Account:
    found = Admins(connection).find(id)
    if found is None:
        raise UnknownAdmin
    return found
