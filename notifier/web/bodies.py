"""The bodies that apps post, checked field by field. Unknown fields are refused, except inside `data`."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    model_validator,
)

from notifier.policy.choices import MOST_PER_HOUR
from notifier.policy.events import one_line
from notifier.policy.fields import ID, URL
from notifier.web.fields import (
    AssetId,
    Content,
    Id,
    ItemKey,
    Locale,
    Moment,
    Name,
    NotificationId,
    TimeOfDay,
    TypeName,
    Url,
    WebAddress,
    Weekday,
    Zone,
)

MOST_IN_BATCH = 1_000  # events, or people
MOST_MARKED = 200  # items of a feed at once
MOST_MEDIA = 20  # of one post


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
    asset: AssetId | None = None
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

    url: WebAddress


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
    locale: Locale | None = None
    timezone: Zone | None = None


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

    time: TimeOfDay | None = None
    weekday: Weekday | None = None


class QuietHoursBody(Strict):
    """From start to end on the person's own clock, over midnight where start is later."""

    start: TimeOfDay
    end: TimeOfDay

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
    timezone: Zone | None = None
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

    ids: Annotated[list[NotificationId], Field(min_length=1, max_length=MOST_MARKED)] | None = None
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
