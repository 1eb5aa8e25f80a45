"""The bodies that apps post, checked field by field. Unknown fields are refused, except inside `data`."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    model_validator,
)

from notifier.policy.choices import MOST_PER_HOUR, WEEKDAYS, is_time
from notifier.policy.events import one_line
from notifier.policy.fields import CONTENT, ID, NAME, URL, has_controls, is_asset_id, is_web_address
from notifier.policy.schedules import zones

KEY = 255
TYPE = 64
ITEMS = 1_000
MOST_ITEMS = 200
MOST_MEDIA = 20  # of one post
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_NOTIFICATION = re.compile(r"ntf_[0-9a-f]{32}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def _without_controls(text: str) -> str:
    if has_controls(text):
        raise ValueError("must not hold control characters")
    return text


def _web_address(text: str) -> str:
    if text and not is_web_address(_without_controls(text)):
        raise ValueError("must be an http or https address, without control characters")
    return text


def _moment(text: str) -> datetime:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError("must be an RFC 3339 time such as 2026-11-21T10:00:00.000Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def _zone(text: str) -> str:
    if text not in zones():
        raise ValueError("must be a name of the tz database such as Europe/Berlin")
    return text


def _time_of_day(text: str) -> str:
    if not is_time(text):
        raise ValueError("must be a time of day such as 08:00")
    return text


def _weekday(text: str) -> str:
    if text not in WEEKDAYS:
        raise ValueError(f"must be one of: {', '.join(WEEKDAYS)}")
    return text


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise ValueError("must be a language tag such as en or pt-BR")
    return text


def _notification_id(text: str) -> str:
    if not _NOTIFICATION.fullmatch(text):
        raise ValueError("must be the id of a feed item such as ntf_0193a5e0c0de7000800000000000cafe")
    return text


def _asset_id(text: str) -> str:
    if not is_asset_id(text):
        raise ValueError("must be the id of an asset such as ast_0193a5e0c0de7000800000000000cafe")
    return text


def _printable(text: str) -> str:
    if not 1 <= len(text) <= KEY or not (text.isascii() and text.isprintable()):
        raise ValueError(f"must be 1 to {KEY} printable ASCII characters")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID), AfterValidator(_without_controls)]
Word = Annotated[str, StringConstraints(max_length=ID), AfterValidator(_without_controls)]
Name = Annotated[str, StringConstraints(max_length=NAME)]
Content = Annotated[str, StringConstraints(max_length=CONTENT)]
Url = Annotated[str, StringConstraints(max_length=URL), AfterValidator(_web_address)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=TYPE)]
NotificationId = Annotated[str, AfterValidator(_notification_id)]
ItemKey = Annotated[str, AfterValidator(_printable)]


class Strict(BaseModel):
    """A body that knows all its fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Open(BaseModel):
    """A part of `data`: what we do not know is kept, for the templates."""

    model_config = ConfigDict(extra="allow", strict=True)


class ActorBody(Open):
    id: Id
    name: Name | None = None
    avatar: Url | None = None
    url: Url | None = None


class ThingBody(Open):
    id: Id
    type: Annotated[str, StringConstraints(max_length=64)] | None = None
    name: Name | None = None
    content: Content | None = None
    url: Url | None = None
    image: Url | None = None
    owner: Id | None = None


class MediaBody(Open):
    """A picture or a video of a post: where it is to be fetched from, or the asset that was uploaded."""

    url: Url | None = None
    asset: Annotated[str, AfterValidator(_asset_id)] | None = None
    alt: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.url) == bool(self.asset):
            raise ValueError("must have either a url or an asset")
        return self


class ObjectBody(ThingBody):
    media: Annotated[list[MediaBody], Field(max_length=MOST_MEDIA)] | None = None


class AssetBody(Strict):
    """Where a picture or a video is to be fetched from."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=URL), AfterValidator(_web_address)]


class EventData(Open):
    actor: ActorBody
    object: ObjectBody
    target: ThingBody | None = None
    in_reply_to: ThingBody | None = None
    mentions: list[Id] | None = None
    to: list[Id] | None = None
    followers_of: Id | None = None


class EventBody(Strict):
    """One event as an app posts it."""

    type: TypeName
    timestamp: Moment | None = None
    data: EventData


class BatchItem(EventBody):
    """One event of a batch. Its `id` is its idempotency key."""

    id: ItemKey | None = None


class BatchBody(Strict):
    """Many events at once. Each is checked by itself, so that a bad one does not stop the others."""

    events: Annotated[list[SkipValidation[BatchItem]], Field(min_length=1)]


class UserBody(Strict):
    """A person's profile. What is left out stays as it is; `email: null` removes the address."""

    id: Id | None = None
    email: Annotated[str, StringConstraints(max_length=320)] | None = None
    name: Annotated[Name, AfterValidator(one_line)] | None = None
    locale: Annotated[str, StringConstraints(max_length=35), AfterValidator(_locale)] | None = None
    timezone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)] | None = None


class SubscriptionKeys(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    p256dh: Annotated[str, StringConstraints(max_length=256)]
    auth: Annotated[str, StringConstraints(max_length=64)]


class SubscriptionBody(BaseModel):
    """The browser's `PushSubscription.toJSON()`; browsers may add to it."""

    model_config = ConfigDict(extra="ignore", strict=True)

    endpoint: str
    expirationTime: Any = None  # noqa: N815 (the browser's name)
    keys: SubscriptionKeys


class DigestBody(Strict):
    """When a person's digests come, on their own clock."""

    time: Annotated[str, AfterValidator(_time_of_day)] | None = None
    weekday: Annotated[str, AfterValidator(_weekday)] | None = None


class QuietHoursBody(Strict):
    """From start to end on the person's own clock, over midnight where start is later."""

    start: Annotated[str, AfterValidator(_time_of_day)]
    end: Annotated[str, AfterValidator(_time_of_day)]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.start == self.end:
            raise ValueError("must end at another time than it starts; give null for no quiet hours")
        return self


Cap = Annotated[int, Field(ge=0, le=MOST_PER_HOUR)]


class CapsBody(Strict):
    """Messages per sliding hour on each channel; what is over it comes as one summary."""

    email: Cap | None = None
    push: Cap | None = None


class PreferencesBody(Strict):
    """What a person chooses: what is left out stays, `null` returns to the default.

    `types` is type × channel → off, instant, hourly, daily or weekly; in the feed on or off. Until `paused_until` no
    mail and no push comes but what nobody can turn off; what waited comes together then, or as soon as it is `null`.
    """

    types: dict[str, dict[str, str | None] | None] | None = None
    digest: DigestBody | None = None
    quiet_hours: QuietHoursBody | None = None
    cap_per_hour: CapsBody | None = None
    paused_until: Moment | None = None


class BatchUserBody(UserBody):
    """One person of many: a profile, and what they choose."""

    id: Id
    preferences: PreferencesBody | None = None


class PeopleBody(Strict):
    """Many people at once; each is checked by itself."""

    users: Annotated[list[SkipValidation[BatchUserBody]], Field(min_length=1)]


class ScheduleChangeBody(Strict):
    """What is to be different about a schedule; what is left out stays.

    One of `cron` (five fields), `interval_seconds` and `at` says when it runs; `at` is a time on the clock of
    `timezone` (2026-12-24T18:00), a moment with an offset, or `now`. With `local`, it is that of each person's clock.
    """

    name: Annotated[str, StringConstraints(max_length=ID)] | None = None
    arguments: dict[str, Any] | None = None
    cron: Annotated[str, StringConstraints(max_length=ID)] | None = None
    interval_seconds: int | None = None
    at: Annotated[str, StringConstraints(max_length=64)] | None = None
    timezone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)] | None = None
    local: bool | None = None
    enabled: bool | None = None


class ScheduleBody(ScheduleChangeBody):
    """A new schedule."""

    name: Annotated[str, StringConstraints(max_length=ID)]
    kind: Annotated[str, StringConstraints(max_length=64)]
    arguments: dict[str, Any] = {}
    enabled: bool = True


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, StringConstraints(max_length=URL)] = ""
    limit: int = Field(50, ge=1, le=200)


class MarkBody(Strict):
    """Which items of a feed: those of these ids, or all whose `updated_at` is not later than `before`."""

    ids: Annotated[list[NotificationId], Field(min_length=1, max_length=MOST_ITEMS)] | None = None
    before: Moment | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.before is None):
            raise ValueError("must give either ids or before")
        return self


class WhichBody(Strict):
    """Which of a person's digests are meant; what is left out means every one."""

    channel: Literal["email", "push"] | None = None
    cadence: Literal["hourly", "daily", "weekly"] | None = None


class MoveBody(WhichBody):
    """When these digests are to come, this once."""

    at: Moment


class TokenBody(Strict):
    """How long a person's token lives."""

    ttl_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3_600


class RetryBody(Strict):
    """Which deliveries to try again: the log's own filters."""

    state: Literal["failed"] = "failed"
    channel: str | None = None
    type: str | None = None
    user: str | None = None
    app: str | None = None
    reason: str | None = None
    since: Moment | None = None
    until: Moment | None = None
