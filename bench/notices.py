"""What the senders are given: comments on one post, each for another person."""

from collections.abc import Iterator
from datetime import UTC, datetime

from notifier.channels import Address, Notice, Person
from notifier.policy.events import Actor, Event, Thing

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TEXT = "What a sky! Where was that? I have been looking for a place like this for years, and never found one."


def notices(addresses: list[str], key_id: str = "") -> Iterator[Notice]:
    """One notice for each address."""
    for number, address in enumerate(addresses):
        yield Notice(
            delivery_id=f"dlv_{number:032x}",
            notification_id=f"ntf_{number:032x}",
            type="comment.created",
            group="comment:post-7",
            events=(an_event(number),),
            person=Person("bob", "Bob"),
            address=Address(f"adr_{number:032x}", address, key_id),
            created_at=NOW,
            unsubscribe_url="https://app.example/u/abcdefghijklmnopqrstuvw",
        )


def an_event(number: int) -> Event:
    """One comment."""
    post = Thing("post-7", "post", "Sunset", url="https://app.example/p/7", owner="bob")
    return Event(
        id=f"evt_{number:032x}",
        app="app_1",
        type="comment.created",
        occurred_at=NOW,
        accepted_at=NOW,
        actor=Actor("ana", "Ana", "https://app.example/ana.jpg", "https://app.example/ana"),
        object=Thing(f"c-{number}", "comment", content=TEXT, url=f"https://app.example/p/7#c{number}"),
        target=post,
    )


def as_posted(number: int) -> dict[str, dict[str, str]]:
    """The same comment as the app posts it."""
    return {
        "actor": {"name": "Ana", "avatar": "https://app.example/ana.jpg"},
        "object": {"content": TEXT, "url": f"https://app.example/p/7#c{number}"},
        "target": {"name": "Sunset", "url": "https://app.example/p/7"},
    }
