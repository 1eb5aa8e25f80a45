"""By what an admin proves who they are: the password, the authenticator app, and the codes that stand in for it."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, select, update

from notifier.store.admins import Account, Role, as_kept, digest
from notifier.store.models import Admin, RecoveryCode
from notifier.store.sql import AnyRow, insert


@dataclass(frozen=True, slots=True)
class Proofs:
    """What an admin's proofs are compared with; empty where there is none."""

    account: Account
    password_hash: str = field(repr=False)
    totp_secret: str = field(repr=False)
    totp_offered: str = field(repr=False)


class Factors:
    """All about proofs, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, admin: str) -> Proofs | None:
        """The proofs of the admin of that id, or None."""
        row = self._connection.execute(select(Admin).where(Admin.id == admin)).one_or_none()
        return _proofs(row) if row else None

    def by_email(self, email: str) -> Proofs | None:
        """The proofs of the admin of that address, however it is written, or None."""
        row = self._connection.execute(select(Admin).where(Admin.email == as_kept(email))).one_or_none()
        return _proofs(row) if row else None

    def set_password(self, admin: str, password_hash: str) -> None:
        """Take this password from now on."""
        self._change(admin, password_hash=password_hash)

    def offer_totp(self, admin: str, secret: str) -> None:
        """Keep a secret that is shown, until the admin proves that the app has it."""
        self._change(admin, totp_offered=secret)

    def turn_totp_on(self, admin: str, secret: str) -> None:
        """Ask for codes of this secret from now on."""
        self._change(admin, totp_secret=secret, totp_offered="")

    def turn_totp_off(self, admin: str) -> None:
        """Ask for no codes any more, and forget the recovery codes."""
        self._change(admin, totp_secret="", totp_offered="", totp_step=0)
        self.keep_codes(admin, ())

    def use_step(self, admin: str, step: int) -> bool:
        """Use up the code of these 30 seconds; False where it, or a later one, was used already."""
        its = update(Admin).where(Admin.id == admin, Admin.totp_step < step).values(totp_step=step)
        return self._connection.execute(its).rowcount == 1

    def use_code(self, admin: str, code: str) -> bool:
        """Use up a recovery code; False where there is no such one any more."""
        its = delete(RecoveryCode).where(RecoveryCode.admin_id == admin, RecoveryCode.code_hash == digest(code))
        return self._connection.execute(its).rowcount == 1

    def keep_codes(self, admin: str, codes: Collection[str]) -> None:
        """Take these recovery codes, and none from before."""
        self._connection.execute(delete(RecoveryCode).where(RecoveryCode.admin_id == admin))
        rows = [{"admin_id": admin, "code_hash": digest(code)} for code in codes]
        if rows:
            self._connection.execute(insert(self._connection, RecoveryCode), rows)

    def codes_left(self, admin: str) -> int:
        """How many recovery codes were not used yet."""
        its = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.admin_id == admin)
        return self._connection.scalar(its) or 0

    def _change(self, admin: str, **values: str | int) -> None:
        self._connection.execute(update(Admin).where(Admin.id == admin).values(**values))


def _proofs(row: AnyRow) -> Proofs:
    account = Account(row.id, row.email, Role(row.role))
    return Proofs(account, row.password_hash, row.totp_secret, row.totp_offered)
