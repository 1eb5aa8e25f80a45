"""What waits for people and what went out, as a replay of the past holds it in memory."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from notifier.policy.catalogue import Kind
from notifier.policy.decide import HOUR, Plan, Reach, Recipient, Rhythm
from notifier.policy.events import Event
from notifier.policy.gathering import Told
from notifier.policy.words import Reason, State


@dataclass(frozen=True, slots=True)
class Past:
    """An event that was accepted, when it was taken back, if it was, and whether it was for everyone."""

    event: Event
    undone_at: datetime | None = None
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules made of one event for one person on one channel, and when it went or was to go out."""

    state: State
    reason: Reason | None
    rule: str
    value: str
    at: datetime | None


@dataclass(slots=True)
class Message:
    """One message of a person on a channel that waits or went out. `lives` are when its events were taken back."""

    id: str
    plan: Plan
    kind: Kind
    due_at: datetime
    lives: list[datetime | None] = field(default_factory=list)
    sent_at: datetime | None = None
    waits: bool = True

    def is_alive(self, now: datetime) -> bool:
        """Whether there is still something to tell."""
        return any(undone_at is None or undone_at > now for undone_at in self.lives)

    @property
    def told(self) -> Told:
        """As a notification that is joined sees it."""
        plan = self.plan
        return Told(self.id, plan.channel, plan.address, plan.state, plan.reason, plan.rule, self.waits, self.due_at)


@dataclass(slots=True)
class Box:
    """One person on one channel: what went out in the last hour, and what waits."""

    sent: deque[datetime] = field(default_factory=deque)
    waiting: list[tuple[datetime, int, Message]] = field(default_factory=list)  # a heap
    bundles: dict[tuple[datetime, bool], Message] = field(default_factory=dict)

    def messages(self, now: datetime) -> list[datetime]:
        """When messages went out in the last hour, or are coming in the next: what a cap counts."""
        while self.sent and self.sent[0] <= now - HOUR:
            self.sent.popleft()
        if not self.waiting:
            return list(self.sent)
        coming = [one.due_at for _, _, one in self.waiting if one.waits and one.plan.reason == Reason.GATHERING]
        return sorted([*self.sent, *(moment for moment in coming if moment <= now + HOUR)])


@dataclass(slots=True)
class Fold:
    """A notification that more joins: how many events did, and the messages that told of them."""

    opened_at: datetime
    total: int = 0
    messages: dict[str, Message] = field(default_factory=dict)

    def forget(self) -> None:
        """Keep what more can join, and what stands in the feed."""
        self.messages = {id_: one for id_, one in self.messages.items() if one.waits or one.plan.state == State.SENT}


@dataclass(slots=True)
class Person:
    """Someone who hears, as they are today, and all that waits for them."""

    recipient: Recipient
    reach: Mapping[str, Reach]
    rhythm: Rhythm
    boxes: dict[str, Box] = field(default_factory=dict)
    folds: dict[str, Fold] = field(default_factory=dict)
    undone: dict[tuple[str, str, str], list[tuple[Past, dict[str, Message]]]] = field(default_factory=dict)

    def seen(self, one: Recipient, now: datetime) -> Recipient:
        """The person as an event concerns them, with what holds for all: their one device, rhythm and messages."""
        messages = {channel: box.messages(now) for channel, box in self.boxes.items() if channel in self.rhythm.caps}
        return Recipient(one.id, one.timezone, one.cadences, self.reach, self.rhythm, one.relations, messages)
