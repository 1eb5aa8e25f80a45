"""What the API answers of events: taken in, stored and explained."""

from typing import Any, Literal

from pydantic import BaseModel

from notifier.web.answers.common import Cursor, Time


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
