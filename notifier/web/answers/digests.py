"""What the API answers of digests that wait or were built."""

from pydantic import BaseModel

from notifier.web.answers.common import Time
from notifier.web.answers.deliveries import Delivery
from notifier.web.answers.feed import FeedItem


class WaitingDigest(BaseModel):
    """What waits for a person's next digest on one channel."""

    id: str
    channel: str
    cadence: str
    next_at: Time
    local_at: str
    timezone: str
    count: int
    items: list[FeedItem]


class WaitingDigests(BaseModel):
    """One digest for each channel and cadence that something waits for."""

    data: list[WaitingDigest]


class SentDigest(BaseModel):
    """The messages that are sent now; `delivery` is the first, null where nothing waited."""

    delivery: Delivery | None
    deliveries: list[Delivery]


class SkippedDigest(BaseModel):
    """How many digests and items do not come."""

    digests: int
    skipped: int


class Digest(BaseModel):
    """One digest, line by line, and the messages that told it."""

    id: str
    user: str
    channel: str
    cadence: str
    period: str
    state: str
    at: Time
    ended_at: Time | None
    count: int
    lines: list[Delivery]
    messages: list[Delivery]
