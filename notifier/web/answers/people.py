"""What the API answers of people: what they chose, their browsers, and whom they want to hear nothing of."""

from typing import Any, Literal

from pydantic import BaseModel

from notifier.web.answers.common import Cursor, Time


class User(BaseModel):
    """A person."""

    id: str
    email: str | None
    name: str
    locale: str
    timezone: str
    created_at: Time


class DigestHour(BaseModel):
    """When digests come, on the person's clock."""

    time: str
    weekday: str


class QuietHours(BaseModel):
    """When nothing comes, on the person's clock."""

    start: str
    end: str


class Preferences(BaseModel):
    """All that holds for a person; `own` are their own choices among it."""

    types: dict[str, dict[str, str]]
    digest: DigestHour
    quiet_hours: QuietHours | None
    cap_per_hour: dict[str, int | None]
    paused_until: Time | None
    own: dict[str, Any]


class PreferenceChange(BaseModel):
    """One change of what a person chose."""

    id: str
    at: Time
    by: str
    through: str
    what: str
    before: str | None
    after: str | None


class PreferenceChanges(BaseModel):
    """A page of changes, newest first."""

    data: list[PreferenceChange]
    next_cursor: Cursor


class Subscription(BaseModel):
    """A browser that gets push messages."""

    id: str
    endpoint_host: str
    state: Literal["active", "gone"]
    created_at: Time
    last_sent_at: Time | None


class Subscriptions(BaseModel):
    """A person's browsers."""

    data: list[Subscription]
    next_cursor: Cursor


class Mute(BaseModel):
    """What a person mutes: one of `actor`, `object` and `type`, as `kind` says."""

    id: str
    kind: Literal["actor", "object", "type"]
    actor: str | None = None
    object: str | None = None
    type: str | None = None
    created_at: Time


class Mutes(BaseModel):
    """A page of mutes."""

    data: list[Mute]
    next_cursor: Cursor


class Block(BaseModel):
    """Whom a person blocks."""

    id: str
    created_at: Time


class Blocks(BaseModel):
    """A page of blocks."""

    data: list[Block]
    next_cursor: Cursor


class Token(BaseModel):
    """A token for a person's own browser."""

    token: str
    expires_at: Time


class VapidKey(BaseModel):
    """The key that a page subscribes with."""

    key: str
