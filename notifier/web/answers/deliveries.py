"""What the API answers of deliveries: their tries, the books, and what changed."""

from typing import Literal

from pydantic import BaseModel

from notifier.store.jobs import JobState
from notifier.web.answers.common import Cursor, Time


class Delivery(BaseModel):
    """One message to one person on one channel, or the record of why there is none."""

    id: str
    notification: str
    events: list[str]
    event_count: int
    user: str
    channel: str
    address: str | None
    type: str
    app: str
    queue: str
    state: str
    reason: str | None
    sentence: str | None
    told_in: str | None
    digest: str | None
    due_at: Time | None
    tries: int
    created_at: Time
    sent_at: Time | None


class DeliveryAttempt(BaseModel):
    """One try, and what the provider answered."""

    id: str
    started_at: Time
    ms: int
    outcome: str
    code: str
    text: str
    worker: str


class DeliveryWithAttempts(Delivery):
    """A delivery with its tries, oldest first, and what was retried as what."""

    retry_of: str | None = None
    retried_as: str | None = None
    attempts: list[DeliveryAttempt]


class Deliveries(BaseModel):
    """A page of the log, newest first."""

    data: list[Delivery]
    next_cursor: Cursor


class Retried(BaseModel):
    """How many deliveries are sent again so far; where there are more, the job that goes on until it is done."""

    retried: int
    job: str | None
    done: bool


class Job(BaseModel):
    """One job on many deliveries; how many were expected was counted when it was asked for, up to a bound."""

    id: str
    act: str
    state: JobState
    expected: int
    done: int
    created_at: Time
    ended_at: Time | None


class EventBooks(BaseModel):
    """Events as they came and as they are planned."""

    accepted: int
    planned: int
    unplanned: int


class ChannelBooks(BaseModel):
    """Where one channel's deliveries stand."""

    accepted: int
    delivered: int
    skipped: int
    failed: int
    cancelled: int
    waiting: int


class Books(BaseModel):
    """Everything that was accepted, and where it is."""

    balanced: bool
    unaccounted: int
    events: EventBooks
    channels: dict[str, ChannelBooks]


class Outcome(BaseModel):
    """One outcome: an event that was planned, or a delivery whose state is final."""

    change: int
    id: str
    type: str
    kind: Literal["event", "delivery"]
    state: str
    key: str | None = None
    at: Time | None = None
    notification: str | None = None
    events: list[str] | None = None
    user: str | None = None
    channel: str | None = None
    reason: str | None = None
    sent_at: Time | None = None


class Outcomes(BaseModel):
    """A page of outcomes in the order in which they came to be."""

    data: list[Outcome]
    next_cursor: str | None
