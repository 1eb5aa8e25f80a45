"""The table of digests: what waits for a person's hour, and what was sent in each."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.policy.words import Cadence
from notifier.store.models.base import Base
from notifier.store.types import Key

OPEN, DUE, BUILT, EMPTY, SKIPPED = "open", "due", "built", "empty", "skipped"
# Spelled out for the indexes: no database can tell from a parameter that one of them serves.
IS_OPEN = text("state = 'open'")
IS_UNBUILT = text("state IN ('open', 'due')")
HAS_ENDED = text("ended_at IS NOT NULL")


class Digest(Base):
    """One digest of a person on a channel, from the first thing that waits for it until it was built.

    open ──its hour, and a worker──▶ built, or empty
      └── skipped by the person

    `period` is the local date that it is for, of an hourly one the hour in UTC, of one sent by hand the moment: each
    comes once. `due_at` is the one timer: it is to be built then. `wanted_at` is the hour it is for.
    Earlier versions made one "due" when its hour had come: such a row is built like an open one.
    `items` freezes what it tells when it is built: JSON, the ids of its deliveries in the order in which they are told.
    """

    __tablename__ = "digests"
    __table_args__ = (
        # The period before the channel: whoever opens one asks which periods of today and later are used up.
        UniqueConstraint("user_id", "period", "channel", "cadence"),
        Index(
            "digests_open",
            "user_id",
            "channel",
            "cadence",
            unique=True,
            postgresql_where=IS_OPEN,
            sqlite_where=IS_OPEN,
        ),
        # The tick asks every minute who is due, among a million people who are not, and reads the ids alone.
        Index("digests_due", "due_at", "id", postgresql_where=IS_UNBUILT, sqlite_where=IS_UNBUILT),
        # The pages show what ended last, among a million that are open.
        Index("digests_ended", "ended_at", "id", postgresql_where=HAS_ENDED, sqlite_where=HAS_ENDED),
    )

    id: Mapped[str] = mapped_column(Key("dig"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    channel: Mapped[str] = mapped_column(String(16))
    cadence: Mapped[Cadence] = mapped_column(String(16))
    period: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime | None]
    wanted_at: Mapped[datetime]
    items: Mapped[str] = mapped_column(Text, default="", server_default="")
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
