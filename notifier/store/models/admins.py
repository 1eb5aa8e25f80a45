"""The tables of those who look after the service, and of what they did."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key


class Admin(Base):
    """Somebody who may open the admin pages."""

    __tablename__ = "admins"

    id: Mapped[str] = mapped_column(Key("adm"), primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]


class LoginLink(Base):
    """A one-time sign-in link; only the SHA-256 of its token is kept."""

    __tablename__ = "login_links"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    admin_id: Mapped[str] = mapped_column(Key("adm"), ForeignKey("admins.id"))
    expires_at: Mapped[datetime]


class Audit(Base):
    """Who did what in the admin pages, the API and the command line."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(Key("aud"), primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(512))
