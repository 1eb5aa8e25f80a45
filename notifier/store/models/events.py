"""The tables of what happened, and of what each person is told about it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key

UNREAD = text("feed_at IS NOT NULL AND undone_at IS NULL AND read_at IS NULL")


class Event(Base):
    """What an app told us, as received. The row is the truth from the moment of the 202.

    `due_at` is when its plan is overdue; `plan_cursor` counts the recipients already planned, and `plan_after` is the
    last of the followers, or of what was taken back. `undone_by` is the deletion that took it back, `change` the number
    of the transaction that finished its plan. What was `blanked_at` some moment has a body of ids alone since then.
    `door` is how it came in, a word of `notifier.store.apps`; empty of an event from before that was recorded.

    `everyone` and `wall_at` address it beyond its body, and only `Announcing` writes them: an app's event, whatever
    stands in it, is for those whom it names. `wall_at` is a time that clocks show ("2026-12-24T18:00:00"; empty: at
    once), and each person hears of it when their own clock comes to it; `wave_at` is the moment up to which the zones
    are told that have come to it. Until the last has, the event is unplanned, and `due_at` the next of these moments.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("app_id", "key"),
        # The sweep asks every second what is overdue; planned rows must not slow it down.
        Index(
            "events_unplanned",
            "due_at",
            postgresql_where=text("planned_at IS NULL"),
            sqlite_where=text("planned_at IS NULL"),
        ),
        # What a deletion takes back is found by the things that it names.
        Index(None, "object", "type", "actor"),
        # What somebody did last, for the list of events.
        Index(None, "actor", "id"),
        Index("events_target", "target", postgresql_where=text("target <> ''"), sqlite_where=text("target <> ''")),
        Index(
            "events_undone_by",
            "undone_by",
            postgresql_where=text("undone_by IS NOT NULL"),
            sqlite_where=text("undone_by IS NOT NULL"),
        ),
        Index(
            "events_change",
            "app_id",
            "change",
            postgresql_where=text("change IS NOT NULL"),
            sqlite_where=text("change IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Key("evt"), primary_key=True)
    app_id: Mapped[str] = mapped_column(Key("app"))
    key: Mapped[str] = mapped_column(String(255))
    body_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    type: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(255), default="", server_default="")
    object: Mapped[str] = mapped_column(String(255), default="", server_default="")
    target: Mapped[str] = mapped_column(String(255), default="", server_default="")
    body: Mapped[bytes]
    occurred_at: Mapped[datetime]
    accepted_at: Mapped[datetime]
    due_at: Mapped[datetime]
    plan_cursor: Mapped[int] = mapped_column(default=0)
    plan_after: Mapped[str] = mapped_column(String(320), default="", server_default="")
    planned_at: Mapped[datetime | None]
    everyone: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    wall_at: Mapped[str] = mapped_column(String(19), default="", server_default="")
    wave_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(Key("evt"))
    change: Mapped[int | None] = mapped_column(BigInteger)
    blanked_at: Mapped[datetime | None]
    door: Mapped[str] = mapped_column(String(16), default="", server_default="")


class Notification(Base):
    """What one person is told about one thing: an item of their feed, which lives until it is read or empty.

    It holds its events, and more of the same fold join it until `ended_at`. They are told in rounds: whoever claims
    a delivery of it ends the round, and what joins later belongs to the next. `feed_at` is when it last got news in the
    feed (NULL: it does not stand there), `changed_at` when anything of it changed that a feed shows.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "notifications_open",
            "user_id",
            "fold",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index(None, "user_id", "feed_at"),
        Index(None, "user_id", "changed_at"),
        # Unread items are counted with every page of a feed, however many were read before.
        Index("notifications_unread", "user_id", "feed_at", postgresql_where=UNREAD, sqlite_where=UNREAD),
    )

    id: Mapped[str] = mapped_column(Key("ntf"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(64))
    fold: Mapped[str] = mapped_column(String(320), default="")
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    round: Mapped[int] = mapped_column(default=1, server_default="1")
    total: Mapped[int] = mapped_column(default=0, server_default="0")  # events that ever joined
    feed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class NotificationEvent(Base):
    """That an event is told to a person, once, in this notification and round; and whether it was taken back."""

    __tablename__ = "notification_events"
    __table_args__ = (Index(None, "notification_id"),)

    event_id: Mapped[str] = mapped_column(Key("evt"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    notification_id: Mapped[str] = mapped_column(Key("ntf"))
    round: Mapped[int] = mapped_column(default=1, server_default="1")
    undone_at: Mapped[datetime | None]
