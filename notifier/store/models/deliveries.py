"""The tables of what is sent: deliveries, their attempts, and the origins that wait."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, and_, case, func, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.policy.words import Reason, State
from notifier.store.models.base import Base
from notifier.store.types import Key

# Spelled out for the index of what waits: no database can tell from a parameter that it serves.
WAITS = text("deliveries.state = 'waiting'")
UNFINISHED = text("state IN ('waiting', 'queued', 'sending')")
# What waits for its queue to go on: it has no timer.
PAUSED = text("state = 'waiting' AND reason = 'paused' AND due_at IS NULL")


class Delivery(Base):
    """One notification to one address on one channel, or the record why there is none.

    waiting ──due──▶ queued ──claim──▶ sending ──▶ sent ▸ bounced | failed
       ▲                ▲                 │
       └─────retry──────┴── lease over ───┘        skipped, cancelled: decided against, kept for the log

    `due_at` is the one timer of every unfinished row: waiting until then; queued, and the bell rung again
    then; sending, and the lease over then. `wanted_at` is when it should go out if all goes well. It tells of the
    events of its notification from `first_round` on, and from its first claim on to no later one than `last_round`.
    `rule` and `value` are what decided; `change` is the number of the transaction that made its state final.
    One that is `carried_by` another is told in that one's message, and shares its end. One that waits in an open digest
    (`digest_id`) has no timer of its own: `wanted_at` is then when the digest comes. Neither has one whose queue is
    paused: it waits, with that reason, until its queue goes on.
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
        # A queue that goes on is found to have what it held, and one that holds nothing is not walked through.
        Index("deliveries_paused", "queue", "id", postgresql_where=PAUSED, sqlite_where=PAUSED),
        # The log's rarer states are found without walking over everything that was sent.
        Index(
            "deliveries_not_sent",
            "state",
            "id",
            postgresql_where=text("state <> 'sent'"),
            sqlite_where=text("state <> 'sent'"),
        ),
        # Dead letters by their cause: each cause is found in one step, however many died of the one before.
        Index(
            "deliveries_failed",
            "channel",
            "reason",
            "last_code",
            "id",
            postgresql_where=text("state = 'failed'"),
            sqlite_where=text("state = 'failed'"),
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
    digest_id: Mapped[str | None] = mapped_column(Key("dig"))
    claim_token: Mapped[str | None] = mapped_column(Key("clm"))
    tries: Mapped[int] = mapped_column(default=0)  # those that count against the retry policy
    last_code: Mapped[str] = mapped_column(String(32), default="")
    retry_of: Mapped[str | None] = mapped_column(Key("dlv"))  # the failed delivery that an operator sent again
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    change: Mapped[int | None] = mapped_column(BigInteger)


_IN_DIGEST = and_(Delivery.digest_id.is_not(None), Delivery.reason.is_distinct_from(Reason.PAUSED))
# When what waits is to go out; what waits for a digest has no timer of its own.
DUE_AT = func.coalesce(Delivery.due_at, case((_IN_DIGEST, Delivery.wanted_at)))


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
