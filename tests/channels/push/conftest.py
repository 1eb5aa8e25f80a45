"""A push server, a channel that may reach it, and notices of Ben's comments on Ann's post."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from notifier.channels import Address, Notice, Person
from notifier.channels.push import PushChannel, PushSettings, key_id, new_private_key, parse_subscription
from notifier.channels.push.messages import Push
from notifier.policy.events import Actor, Event, Thing
from notifier.policy.outcomes import Outcome
from tests.push_server import PushServer

NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)
KEY = new_private_key()


def now() -> datetime:
    return datetime.now(UTC)


def settings(**changes: object) -> PushSettings:
    return PushSettings(
        **{"private_key": KEY, "subject": "mailto:ops@app.example", "allow_loopback": True, "deadline": 5} | changes  # type: ignore[arg-type]
    )


def event(**changes: object) -> Event:
    post = Thing(
        "post-7", "post", "Sunset", url="https://app.example/p/7", owner="ann", image="https://app.example/7.jpg"
    )
    fields = {
        "id": "evt_1",
        "app": "app_1",
        "type": "comment.created",
        "occurred_at": NOW,
        "accepted_at": NOW,
        "actor": Actor("ben", "Ben", avatar="https://app.example/ben.png"),
        "object": Thing("c-1", "comment", content="What a sky!", url="https://app.example/p/7#c1"),
        "target": post,
    }
    return Event(**fields | changes)  # type: ignore[arg-type]


def notice(address: Address | None = None, **changes: object) -> Notice:
    fields = {
        "delivery_id": "dlv_1",
        "notification_id": "ntf_1",
        "type": "comment.created",
        "group": "comment:post-7",
        "events": (event(),),
        "person": Person("ann", "Ann"),
        "address": address or Address("adr_1", "{}", key_id(KEY)),
        "created_at": NOW,
    }
    return Notice(**fields | changes)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[PushServer]:
    with PushServer() as running:
        yield running


@pytest.fixture
def channel() -> Iterator[PushChannel]:
    made = PushChannel(settings(), now)
    yield made
    made.close()


@pytest.fixture
def made() -> Iterator[Callable[..., PushChannel]]:
    """Makes channels with other settings, and closes them."""
    channels: list[PushChannel] = []

    def make(*resolve: object, **changes: object) -> PushChannel:
        channels.append(PushChannel(settings(**changes), now, *resolve))  # type: ignore[arg-type]
        return channels[-1]

    yield make
    for each in channels:
        each.close()


def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for what another thread brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def push(channel: PushChannel, subscription: dict[str, object], **changes: object) -> Push:
    """Ben's comment for the browser with this subscription."""
    key = str(changes.pop("key", key_id(KEY)))
    value = parse_subscription(subscription, settings()).value
    return channel.render(notice(Address("adr_1", value, key), **changes), now())


def send(channel: PushChannel, *pushes: Push) -> list[Outcome]:
    """The outcomes, in the order of the pushes."""
    outcomes: dict[str, Outcome] = {}
    channel.send(pushes, lambda answer: outcomes.update({answer.delivery_id: answer.outcome}))
    return [outcomes[each.delivery_id] for each in pushes]


def outcome_of(channel: PushChannel, subscription: dict[str, object], **changes: object) -> Outcome:
    """What became of one push."""
    return send(channel, push(channel, subscription, **changes))[0]
