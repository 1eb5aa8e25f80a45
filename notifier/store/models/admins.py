"""The tables of those who look after the service: how they come in, and what they did."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key


class Admin(Base):
    """Somebody who may open the admin pages.

    `totp_offered` is a secret that was shown and not confirmed yet; `totp_secret` one that is asked for at sign-in.
    """

    __tablename__ = "admins"

    id: Mapped[str] = mapped_column(Key("adm"), primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    password_hash: Mapped[str] = mapped_column(String(255), default="", server_default="")
    totp_offered: Mapped[str] = mapped_column(String(64), default="", server_default="")
    totp_secret: Mapped[str] = mapped_column(String(64), default="", server_default="")
    # The last 30 seconds whose code was used: no code opens twice.
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))


class RecoveryCode(Base):
    """A code that stands in for the authenticator app, once; only its SHA-256 is kept."""

    __tablename__ = "recovery_codes"

    admin_id: Mapped[str] = mapped_column(Key("adm"), ForeignKey("admins.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)


class LoginLink(Base):
    """A one-time sign-in link; only the SHA-256 of its token is kept.

    `asks` is whether it went through other hands than those of who has this machine: then it opens at the press of a
    button, because mail scanners follow links, and not without the second step.
    """

    __tablename__ = "login_links"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    admin_id: Mapped[str] = mapped_column(Key("adm"), ForeignKey("admins.id"))
    expires_at: Mapped[datetime]
    asks: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class AdminSession(Base):
    """One browser that is signed in; only the SHA-256 of its token is kept.

    Of those that were signed in by a link, `linked_at` says when: for a while they may set a password.
    """

    __tablename__ = "admin_sessions"
    __table_args__ = (Index("admin_sessions_admin_id", "admin_id"),)

    id: Mapped[str] = mapped_column(Key("ses"), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    admin_id: Mapped[str] = mapped_column(Key("adm"), ForeignKey("admins.id", ondelete="CASCADE"))
    began_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    linked_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str] = mapped_column(String(255))


class SignInTry(Base):
    """A try to sign in that did not end well yet, or a mail that was asked for: counted, so that nobody can guess on.

    Of a mail, `taken_at` says when a worker took it up.
    """

    __tablename__ = "signin_tries"
    __table_args__ = (
        Index("signin_tries_email", "email", "at"),
        Index("signin_tries_address", "address", "at"),
        Index("signin_tries_at", "at"),
    )

    id: Mapped[str] = mapped_column(Key("try"), primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[datetime | None]


class Audit(Base):
    """Who did what in the admin pages, the API and the command line."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_who", "who", "id"), Index("audit_action", "action", "id"))

    id: Mapped[str] = mapped_column(Key("aud"), primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(512))
