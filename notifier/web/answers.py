"""What the API answers when all is well: its shapes, for the API's description. The views make them by hand, for speed.

A test holds real answers against them. Fields may be added, never renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from notifier.store.jobs import JobState

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Cursor = Annotated[str | None, Field(description="Ask for the next page with it; null on the last one")]


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


class EventLinks(BaseModel):
    """Where to ask what became of an event."""

    self: str
    explain: str
    deliveries: str


class AcceptedEvent(BaseModel):
    """The event is stored; not that anyone was told."""

    id: str
    duplicate: bool
    links: EventLinks


class BatchResult(BaseModel):
    """What became of one item: an id, or the problem with it."""

    index: int
    id: str | None = None
    duplicate: bool | None = None
    problem: dict[str, Any] | None = None


class BatchResults(BaseModel):
    """One result for each item, in order."""

    results: list[BatchResult]


class StoredEvent(BaseModel):
    """An event, its deliveries counted by state, and the assets that it shows, as soon as it is planned."""

    id: str
    type: str
    app: str
    state: Literal["accepted", "planned"]
    occurred_at: Time
    accepted_at: Time
    deliveries: dict[str, int]
    media: list[str]
    links: EventLinks


class TookBack(BaseModel):
    """An event that was taken back."""

    id: str
    type: str


class BondChange(BaseModel):
    """What an event makes of two people."""

    user: str
    relation: str
    other: str
    ends: bool


class ExplainedEvent(BaseModel):
    """The event that is explained; of a dry run without an id."""

    id: str | None
    type: str
    app: str
    state: Literal["accepted", "planned", "dry_run"]
    occurred_at: Time
    accepted_at: Time
    undone_by: str | None
    took_back: list[TookBack]
    changes: BondChange | None


class ExplainLine(BaseModel):
    """What becomes of the event for one person on one channel, and what decided it."""

    user: str | None
    channel: str | None
    address: str | None
    state: str | None
    reason: str | None
    sentence: str
    rule: str
    value: str
    due_at: Time | None
    delivery: str | None


class Explanation(BaseModel):
    """A page of an event's lines; `recipients_at_least` on a dry run alone."""

    event: ExplainedEvent
    lines: list[ExplainLine]
    next_cursor: Cursor
    recipients_at_least: int | None = None


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


class Schedule(BaseModel):
    """What runs by itself, and when."""

    id: str
    name: str
    kind: str
    arguments: dict[str, Any]
    cron: str | None
    interval_seconds: float | None
    at: str | None
    timezone: str | None
    local: bool
    when: str
    enabled: bool
    built_in: bool
    vital: bool
    running: bool
    next_run_at: Time | None
    last_run: dict[str, Any] | None
    created_at: Time
    created_by: str
    changed_at: Time
    changed_by: str


class Schedules(BaseModel):
    """A page of schedules, and which scheduler leads."""

    data: list[Schedule]
    next_cursor: Cursor
    scheduler: dict[str, Any]


class ScheduleRun(BaseModel):
    """One run of a schedule."""

    id: str
    schedule: str
    moment: Time
    tries: int
    triggered_by: str
    outcome: str | None
    text: str
    scheduler: str | None
    started_at: Time | None
    ended_at: Time | None
    ms: int | None


class ScheduleRuns(BaseModel):
    """A page of runs, newest first."""

    data: list[ScheduleRun]
    next_cursor: Cursor


class Rendition(BaseModel):
    """One version of a picture or a video. `state`: waiting, working, done, skipped, failed."""

    spec: str
    version: str
    state: str
    reason: str | None
    sentence: str | None
    format: str
    url: str | None
    bytes: int | None
    width: int | None
    height: int | None
    progress: int
    tries: int


class Asset(BaseModel):
    """A picture or a video, and every version of it. `state`: waiting (to be fetched), rendering, ready, failed."""

    id: str
    state: str
    reason: str | None
    sentence: str | None
    media: str | None
    format: str | None
    url: str | None
    bytes: int | None
    width: int | None
    height: int | None
    duration_ms: int | None
    blurhash: str | None
    progress: int
    created_at: Time
    renditions: list[Rendition]


@dataclass(frozen=True, slots=True)
class Gives:
    """The answer of one operation; one without a model has no body, or one of another `media` type."""

    status: int
    model: type[BaseModel] | None = None
    media: str = "application/json"
    says: str = "Done"


_NOTHING = Gives(204, says="Done; there is nothing to say")
_JSON = Gives(200, says="A JSON document")

# By the endpoint of the view.
ANSWERS: Mapping[str, Gives] = {
    "batches.receive_batch": Gives(202, BatchResults, says="What is good of it is stored"),
    "changes.page": Gives(200, Outcomes),
    "deliveries.books": Gives(200, Books),
    "deliveries.cancel": Gives(200, DeliveryWithAttempts),
    "deliveries.page": Gives(200, Deliveries),
    "deliveries.retry": Gives(202, DeliveryWithAttempts),
    "deliveries.retry_many": Gives(202, Retried),
    "deliveries.show": Gives(200, DeliveryWithAttempts),
    "deliveries.show_job": Gives(200, Job),
    "devices.add_device": Gives(201, Subscription),
    "devices.devices": Gives(200, Subscriptions),
    "devices.drop_device": _NOTHING,
    "devices.vapid_key": Gives(200, VapidKey),
    "digests.move": Gives(200, WaitingDigests),
    "digests.one": Gives(200, Digest),
    "digests.send": Gives(202, SentDigest, says="It is on its way; 200 where nothing waits"),
    "digests.show": Gives(200, WaitingDigests),
    "digests.skip": Gives(200, SkippedDigest),
    "events.receive": Gives(202, AcceptedEvent, says="Stored durably; not that anyone was told"),
    "events.receive_signed": Gives(202, AcceptedEvent, says="Stored durably; not that anyone was told"),
    "events.show": Gives(200, StoredEvent),
    "explain.dry_run": Gives(200, Explanation),
    "explain.explain": Gives(200, Explanation),
    "feed.mark_read": Gives(200, ReadItems),
    "feed.mark_seen": Gives(200, SeenItems),
    "feed.page": Gives(200, FeedPage),
    "feed.stream": Gives(200, None, "text/event-stream", "Events: item, gone, unread, reload"),
    "media.add": Gives(202, Asset, says="Stored durably; its versions are made in the background"),
    "media.remove": _NOTHING,
    "media.retry": Gives(202, Asset),
    "media.show": Gives(200, Asset),
    "policy.backtest": _JSON,
    "preferences.choose": Gives(200, Preferences),
    "preferences.history": Gives(200, PreferenceChanges),
    "preferences.show": Gives(200, Preferences),
    "relations.block": Gives(200, Block),
    "relations.blocks": Gives(200, Blocks),
    "relations.mute": Gives(200, Mute),
    "relations.mutes": Gives(200, Mutes),
    "relations.unblock": _NOTHING,
    "relations.unmute": _NOTHING,
    "schedules.add": Gives(201, Schedule),
    "schedules.change": Gives(200, Schedule),
    "schedules.page": Gives(200, Schedules),
    "schedules.pause": Gives(200, Schedule),
    "schedules.remove": _NOTHING,
    "schedules.resume": Gives(200, Schedule),
    "schedules.run": Gives(202, ScheduleRun),
    "schedules.runs": Gives(200, ScheduleRuns),
    "schedules.show": Gives(200, Schedule),
    "tokens.make": Gives(200, Token),
    "users.erase": _NOTHING,
    "users.export": _JSON,
    "users.save": Gives(200, User),
    "users.save_many": Gives(200, BatchResults),
    "users.show": Gives(200, User),
}
