"""What the tests of the email channel share: notices, a clock, and channels that are closed when a test ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from notifier.channels import Address, Answer, Notice, Person
from notifier.channels.email import EmailChannel, EmailSettings, Mail
from notifier.policy.events import Actor, Event, Thing
from tests.smtp_server import SmtpServer

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def clock() -> datetime:
    return datetime.now(UTC)


def an_event(number: int = 1, *, name: str = "Ann", content: str = "Nice!", title: str = "Sunrise") -> Event:
    return Event(
        id=f"evt_{number}",
        app="app_1",
        type="comment.created",
        occurred_at=NOW,
        accepted_at=NOW,
        actor=Actor(f"actor-{number}", name, "https://app.example/ann.png", "https://app.example/ann"),
        object=Thing(f"c-{number}", "comment", content=content, url=f"https://app.example/c/{number}"),
        target=Thing("post-7", "post", title, url="https://app.example/post-7", owner="bob"),
    )


def a_notice(number: int = 1, *, to: str = "bob@app.example", name: str = "Bob", **changes: Any) -> Notice:
    notice = Notice(
        delivery_id=f"dlv_{number}",
        notification_id=f"ntf_{number}",
        type="comment.created",
        group="comment:post-7",
        events=(an_event(number),),
        person=Person("bob", name),
        address=Address("adr_1", to),
        created_at=NOW,
        unsubscribe_url="https://app.example/u/abcdefghijklmnopqrstuvw",
    )
    return replace(notice, **changes)


@dataclass
class Sender:
    """A channel, and its answers in the order they came."""

    channel: EmailChannel
    answers: list[Answer]

    def mail(self, number: int = 1, *, to: str = "bob@app.example") -> Mail:
        return self.channel.render(a_notice(number, to=to), NOW)

    def mails(self, count: int) -> list[Mail]:
        return [self.mail(number, to=f"user{number}@app.example") for number in range(1, count + 1)]

    def send(self, *mails: Mail) -> list[Answer]:
        """Send and give the answers of these mails."""
        before = len(self.answers)
        self.channel.send(iter(mails), self.answers.append)
        return self.answers[before:]


NewSender = Callable[..., Sender]


@pytest.fixture
def new_sender() -> Iterator[NewSender]:
    """Make a channel to a server; any setting may be given."""
    channels: list[EmailChannel] = []

    def make(server: SmtpServer | int, *, host: str = "127.0.0.1", **settings: Any) -> Sender:
        port = server if isinstance(server, int) else server.port
        given = {"server": host, "port": port, "sender": "Acme <news@acme.example>"} | settings
        channels.append(EmailChannel(EmailSettings(**given), clock))
        return Sender(channels[-1], [])

    yield make
    for channel in channels:
        channel.close()


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def sender(server: SmtpServer, new_sender: NewSender) -> Sender:
    return new_sender(server)
