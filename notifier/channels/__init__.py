"""How to reach a person: each channel renders a notice into its message and sends it, answering with outcomes.

A new channel is one module that keeps the `Channel` protocol, one line in `notifier.app`, its settings,
its templates and a test. Nothing outside this package asks which channel it is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from notifier.policy.events import Event
from notifier.policy.outcomes import Outcome
from notifier.policy.pictures import Picture
from notifier.policy.words import Cadence


@dataclass(frozen=True, slots=True)
class Person:
    """The one who is told."""

    id: str
    name: str = ""
    locale: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox or one browser subscription.

    `value` is the channel's own text: the mail address as given, or the subscription as JSON
    (`{"endpoint", "p256dh", "auth"}`). `key_id` names the VAPID key that a subscription was made with.
    """

    id: str
    value: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """Which digest a message is: hourly, daily or weekly, and the hour that it is for (aware UTC)."""

    cadence: Cadence
    wanted_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a channel needs to word one delivery: what happened, to whom it is told, and the stable names."""

    delivery_id: str
    notification_id: str
    type: str  # long form, "comment.created"
    group: str  # what folds into one: "comment:post-7"; empty where nothing folds
    events: tuple[Event, ...]  # oldest first, at least one; of very many the newest
    person: Person
    address: Address
    created_at: datetime  # aware UTC; the same on every try
    expires_at: datetime | None = None  # no use after this moment
    urgent: bool = False
    unsubscribe_url: str = ""  # RFC 8058 one-click; empty on mail that cannot be turned off
    preferences_url: str = ""  # the page where this person chooses what comes, and when
    why_url: str = ""  # the page that says why this person is told
    earlier_events: int = 0  # before `events`, too many to be handed over
    earlier_actors: int = 0  # people who acted in those alone
    last_code: str = ""  # the provider's code of the try before; empty on the first
    # Of a summary or digest: what it tells of, each of another type or group; a digest's in the order of its concern.
    items: tuple["Notice", ...] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)  # of what the events are about, by event
    digest: Digest | None = None  # set on a digest, which has items even where it tells of one thing only


@dataclass(frozen=True, slots=True)
class Answer:
    """What one try of one delivery came to. `started_at` is aware UTC, `ms` wall milliseconds."""

    delivery_id: str
    outcome: Outcome
    started_at: datetime
    ms: int


class BadAddress(ValueError):
    """An address that this channel will never send to. The message says what would be right.

    `pointer` is the JSON pointer to what is at fault in an address posted as JSON; empty where it is one text.
    """

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class TemplateFault(Exception):
    """The message could not be made. Final for the delivery: the same template would fail again."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as whoever looks into the log may see it. What a channel has no such thing of is empty.

    `payload` is what is encrypted for the receiver, `raw` the octets that go over the wire, kept in a file that ends on
    `suffix`.
    """

    title: str
    text: str = ""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    payload: str = ""
    raw: bytes = b""
    suffix: str = ""
    media_type: str = ""


class Message(Protocol):
    """A rendered message, ready to go."""

    @property
    def delivery_id(self) -> str: ...

    def shown(self) -> Shown:
        """What it says, for people to read."""
        ...


M = TypeVar("M", bound=Message)

Report = Callable[[Answer], None]


class Channel(Protocol[M]):
    """One way to reach a person."""

    name: str
    perishable: bool  # not worth sending once the notice has expired
    replaces: bool  # what it shows takes the place of what it showed before of the same group

    def render(self, notice: Notice, now: datetime) -> M:
        """Word the notice for this channel. Raises `TemplateFault`."""
        ...

    def send(self, messages: Iterable[M], report: Report) -> None:
        """Send each message once and report its answer as soon as it is known, from any thread.

        Returns when every message taken from the iterable is reported. Never raises for what a provider
        does: outcomes are values. Every step at the provider has a deadline.
        """
        ...

    def origin(self, address: Address) -> str:
        """Whom a `Deferred(pauses=True)` speaks for: the relay, or the push service's scheme and host."""
        ...

    @staticmethod
    def masked(address: Address) -> str:
        """The address as logs and answers may show it, `b•••@app.example`: asked of the class, without settings."""
        ...

    @staticmethod
    def named(address: Address) -> str:
        """The address as operators may see it: whose it is, and nothing by which anybody could send to a browser."""
        ...

    def warm(self) -> None:
        """Load what the first message would wait for, as far as it is small. Called when a worker starts."""
        ...

    def close(self) -> None:
        """Let go of held connections."""
        ...
