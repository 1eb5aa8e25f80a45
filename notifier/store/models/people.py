"""The tables of people: how they are reached, what they chose, and what they are to one another."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key

# Spelled out for the indexes: no database can tell from a parameter that one of them serves.
IS_MAILBOX = text("channel = 'email'")
IS_GONE = text("gone_at IS NOT NULL")


class User(Base):
    """A person as the upstream app knows them, and when they want to hear.

    Digest time and quiet hours are "HH:MM" on their own clock, `caps` is JSON, channel → messages per hour; empty
    and NULL: the default. A pause whose end has passed stays, and means nothing.
    """

    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(512), default="")
    locale: Mapped[str] = mapped_column(String(35), default="en")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    digest_time: Mapped[str] = mapped_column(String(5), default="", server_default="")
    digest_weekday: Mapped[int | None]  # 0 is Monday
    quiet_start: Mapped[str] = mapped_column(String(5), default="", server_default="")
    quiet_end: Mapped[str] = mapped_column(String(5), default="", server_default="")
    caps: Mapped[str] = mapped_column(String(255), default="", server_default="")
    paused_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Address(Base):
    """One mailbox or one browser subscription of a person. What is gone stays, so that it is not tried again."""

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("channel", "fingerprint"),
        Index(None, "user_id", "channel"),
        # Whoever is asked about a mail has its address, and seldom an id.
        Index("addresses_mailbox", "value", postgresql_where=IS_MAILBOX, sqlite_where=IS_MAILBOX),
        # With all that a list of them can be narrowed by: most are found, or passed over, in the index alone.
        Index("addresses_gone", "gone_at", "id", "channel", "gone_why", postgresql_where=IS_GONE, sqlite_where=IS_GONE),
    )

    id: Mapped[str] = mapped_column(Key("sub"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    channel: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(Text)
    # What must be unique on the channel: the person for email (one mailbox each), the endpoint for push.
    fingerprint: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(32), default="")
    created_at: Mapped[datetime]
    last_sent_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    gone_why: Mapped[str] = mapped_column(String(255), default="")


class Preference(Base):
    """A person's own choice for a type on a channel; where there is none, the catalogue's default holds."""

    __tablename__ = "preferences"

    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    cadence: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(32))  # api, link


class PreferenceChange(Base):
    """One change of what a person chose: what it was, what it became, who did it and through what."""

    __tablename__ = "preference_changes"
    __table_args__ = (Index(None, "user_id", "id"),)

    id: Mapped[str] = mapped_column(Key("chg"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(255))  # an app's id, "person", an admin
    through: Mapped[str] = mapped_column(String(16))  # api, token, link, one_click, page, event
    what: Mapped[str] = mapped_column(String(96))  # "like/email", "quiet_hours", "mute"
    before: Mapped[str] = mapped_column(String(320))
    after: Mapped[str] = mapped_column(String(320))


class Relation(Base):
    """What one person is to another: `user_id` follows, blocks or mutes `other`, a person, a thing or a type."""

    __tablename__ = "relations"
    __table_args__ = (Index(None, "other", "kind", "user_id"),)

    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    other: Mapped[str] = mapped_column(String(255), primary_key=True)
    created_at: Mapped[datetime]
