"""The tables of upstream apps and their credentials."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key


class App(Base):
    """An upstream sender of events. `purged_change` is the largest number of a change of its that was purged."""

    __tablename__ = "apps"

    id: Mapped[str] = mapped_column(Key("app"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    lenient: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # unknown types are stored
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    purged_change: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class AppSecret(Base):
    """A credential of an app: a signing secret (kept, since a signature needs it) or an API key (only its SHA-256)."""

    __tablename__ = "app_secrets"

    id: Mapped[str] = mapped_column(Key("sec"), primary_key=True)
    app_id: Mapped[str] = mapped_column(Key("app"), ForeignKey("apps.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # signing, key
    value: Mapped[str] = mapped_column(String(128), unique=True)
    scopes: Mapped[str] = mapped_column(String(255), default="")  # of a key, separated by spaces
    hint: Mapped[str] = mapped_column(String(16))  # the first characters, for people to tell them apart
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute: it is not worth a write for each request
