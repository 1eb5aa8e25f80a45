"""The tables. Migrations make them; a test proves that both say the same."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, MetaData, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from notifier.policy.words import Reason, State
from notifier.store.types import Key, Utc

UNFINISHED = text("state IN ('waiting', 'queued', 'sending')")
UNREAD = text("feed_at IS NOT NULL AND undone_at IS NULL AND read_at IS NULL")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {datetime: Utc(), State: String(16), Reason: String(24), bytes: LargeBinary()}  # noqa: RUF012 (SQLAlchemy reads it so)


class App(Base):
    """An upstream sender of events."""

    __tablename__ = "apps"

    id: Mapped[str] = mapped_column(Key("app"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    lenient: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # unknown types are stored
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


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


class User(Base):
    """A person as the upstream app knows them, and when they want to hear.

    Digest time and quiet hours are "HH:MM" on their own clock, `caps` is JSON, channel → messages per hour; empty
    and NULL: the default.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(512), default="")
    locale: Mapped[str] = mapped_column(String(35), default="en")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    digest_time: Mapped[str] = mapped_column(String(5), default="", server_default="")
    digest_weekday: Mapped[int | None]  # 0 is Monday
    quiet_start: Mapped[str] = mapped_column(String(5), default="", server_default="")
    quiet_end: Mapped[str] = mapped_column(String(5), default="", server_default="")
    caps: Mapped[str] = mapped_column(String(255), default="", server_default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Address(Base):
    """One mailbox or one browser subscription of a person. What is gone stays, so that it is not tried again."""

    __tablename__ = "addresses"
    __table_args__ = (UniqueConstraint("channel", "fingerprint"), Index(None, "user_id", "channel"))

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
    through: Mapped[str] = mapped_column(String(16))  # api, token, link, one_click, page
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


class Event(Base):
    """What an app told us, as received. The row is the truth from the moment of the 202.

    `due_at` is when its plan is overdue; `plan_cursor` counts the recipients already planned, and `plan_after` is the
    last of the followers, or of what was taken back. `undone_by` is the deletion that took it back, `change` the number
    of the transaction that finished its plan.
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
    undone_by: Mapped[str | None] = mapped_column(Key("evt"))
    change: Mapped[int | None] = mapped_column(BigInteger)


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


class Delivery(Base):
    """One notification to one address on one channel, or the record why there is none.

    waiting ──due──▶ queued ──claim──▶ sending ──▶ sent ▸ bounced | failed
       ▲                ▲                 │
       └─────retry──────┴── lease over ───┘        skipped, cancelled: decided against, kept for the log

    `due_at` is the one timer of every unfinished row: waiting until then; queued, and the bell rung again
    then; sending, and the lease over then. `wanted_at` is when it should go out if all goes well. It tells of the
    events of its notification from `first_round` on, and from its first claim on to no later one than `last_round`.
    `rule` and `value` are what decided; `change` is the number of the transaction that made its state final.
    One that is `carried_by` another is told in that one's message, and shares its end.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("deliveries_due", "queue", "due_at", postgresql_where=UNFINISHED, sqlite_where=UNFINISHED),
        Index(None, "user_id", "id"),
        Index(None, "notification_id"),
        # A delivery is retried once; whoever wants another try retries the retry.
        Index(
            "deliveries_retry_of",
            "retry_of",
            unique=True,
            postgresql_where=text("retry_of IS NOT NULL"),
            sqlite_where=text("retry_of IS NOT NULL"),
        ),
        # Whoever reads, holds or folds asks what waits for a person.
        Index(
            "deliveries_waiting",
            "user_id",
            "channel",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
        Index(
            "deliveries_carried_by",
            "carried_by",
            postgresql_where=text("carried_by IS NOT NULL"),
            sqlite_where=text("carried_by IS NOT NULL"),
        ),
        Index(
            "deliveries_change",
            "app_id",
            "change",
            postgresql_where=text("change IS NOT NULL"),
            sqlite_where=text("change IS NOT NULL"),
        ),
        # The log's rarer states are found without walking over everything that was sent.
        Index(
            "deliveries_not_sent",
            "state",
            "id",
            postgresql_where=text("state <> 'sent'"),
            sqlite_where=text("state <> 'sent'"),
        ),
    )

    id: Mapped[str] = mapped_column(Key("dlv"), primary_key=True)
    notification_id: Mapped[str] = mapped_column(Key("ntf"))
    app_id: Mapped[str] = mapped_column(Key("app"))
    user_id: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(16))
    address_id: Mapped[str | None] = mapped_column(Key("sub"))
    queue: Mapped[str] = mapped_column(String(16))
    state: Mapped[State]
    reason: Mapped[Reason | None]
    rule: Mapped[str] = mapped_column(String(24), default="", server_default="")
    value: Mapped[str] = mapped_column(String(320), default="", server_default="")
    due_at: Mapped[datetime | None]
    wanted_at: Mapped[datetime]
    first_round: Mapped[int] = mapped_column(default=1, server_default="1")
    last_round: Mapped[int | None]
    carried_by: Mapped[str | None] = mapped_column(Key("dlv"))
    claim_token: Mapped[str | None] = mapped_column(Key("clm"))
    tries: Mapped[int] = mapped_column(default=0)  # those that count against the retry policy
    last_code: Mapped[str] = mapped_column(String(32), default="")
    retry_of: Mapped[str | None] = mapped_column(Key("dlv"))  # the failed delivery that an operator sent again
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    change: Mapped[int | None] = mapped_column(BigInteger)


class Attempt(Base):
    """One try of one delivery, and what the provider answered."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "delivery_id", "id"),)

    id: Mapped[str] = mapped_column(Key("att"), primary_key=True)
    delivery_id: Mapped[str] = mapped_column(Key("dlv"))
    started_at: Mapped[datetime]
    ms: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(String(512))
    worker: Mapped[str] = mapped_column(String(128))


class Pause(Base):
    """A provider that asked us to slow down, or refuses us: nothing goes to that origin until then."""

    __tablename__ = "pauses"

    origin: Mapped[str] = mapped_column(String(320), primary_key=True)
    until: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(512))


class Tally(Base):
    """How many deliveries were planned per day and channel, counted in the plan's own transaction.

    The books compare it with the rows themselves, so that a lost row shows.
    """

    __tablename__ = "tallies"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    planned: Mapped[int]


class Counter(Base):
    """A number that only grows. `changes` numbers the transactions that made outcomes final, in their commit order."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Fallback(Base):
    """A text that was shown in English because a language lacks it, and how often."""

    __tablename__ = "fallbacks"

    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    message: Mapped[str] = mapped_column(String(255), primary_key=True)
    count: Mapped[int]


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
