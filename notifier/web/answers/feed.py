"""What the API answers of feeds."""

from pydantic import BaseModel

from notifier.web.answers.common import Cursor, Time


class FeedActor(BaseModel):
    """Somebody who acted."""

    id: str
    name: str | None
    avatar: str | None
    url: str | None


class FeedObject(BaseModel):
    """What was acted on."""

    id: str
    type: str | None
    name: str | None
    url: str | None
    image: str | None


class FeedItem(BaseModel):
    """One item of a feed. `count` counts people, `event_count` what they did."""

    id: str
    type: str
    text: str
    lang: str
    actors: list[FeedActor]
    count: int
    event_count: int
    object: FeedObject
    url: str | None
    image: str | None
    updated_at: Time
    seen_at: Time | None
    read_at: Time | None


class FeedPage(BaseModel):
    """A page of the feed, newest first, and how many of its items are unread."""

    data: list[FeedItem]
    next_cursor: Cursor
    unread: int
    last_event_id: str


class ReadItems(BaseModel):
    """How many were marked as read, and how many are unread now."""

    unread: int
    read: int


class SeenItems(BaseModel):
    """How many were marked as seen, and how many are unread now."""

    unread: int
    seen: int
