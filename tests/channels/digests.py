"""Digests to word: what happened to Bob, each thing with a line of its own."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from notifier.channels import Address, Digest, Notice, Person
from notifier.policy.events import Event, read_event
from notifier.policy.words import Cadence

EIGHT = datetime(2026, 11, 28, 8, tzinfo=UTC)  # a Saturday
SUNSET = {
    "id": "post-7",
    "type": "post",
    "name": "Sunset",
    "url": "https://app.example/p/7",
    "image": "https://app.example/7.jpg",
    "owner": "bob",
}
BOB = Person("bob", "Bob", "en", "UTC")
URL = "https://app.example/u/abcdefghijklmnopqrstuvw"


def actor(name: str) -> dict[str, str]:
    """Who acts, with a face and a page."""
    id_ = name.lower()
    face = {"avatar": f"https://app.example/{id_}.png", "url": f"https://app.example/{id_}"}
    return {"id": id_, "name": name, **face}


def happened(type_: str, who: str = "Ana", **data: Any) -> Event:
    """One event, the person's picture being what it is about until `data` says otherwise."""
    whole = {"actor": actor(who), "object": SUNSET} | data
    return read_event(
        whole, id=f"evt_{who}", app="app_1", type=f"{type_}.created", occurred_at=EIGHT, accepted_at=EIGHT
    )


def likes(*names: str, thing: dict[str, str] = SUNSET) -> Notice:
    """Likes of one thing by these people, the latest named first."""
    return told(*(happened("like", name, object=thing) for name in reversed(names)), group=f"like:{thing['id']}@app_1")


def comment(who: str, content: str, *, on: dict[str, str] = SUNSET) -> Notice:
    """A comment on a thing."""
    said = {"id": f"c-{who}", "type": "comment", "content": content, "url": f"{on.get('url', '')}#c-{who}"}
    return told(happened("comment", who, object=said, target=on), group=f"comment:{on['id']}@app_1")


def follow(*names: str) -> Notice:
    """New followers, the latest named first."""
    events = [happened("follow", name, object={"id": "bob", "type": "person"}) for name in reversed(names)]
    return told(*events, group="follow@app_1")


def post(who: str, name: str, *, image: str = "", content: str = "") -> Notice:
    """What someone posted."""
    id_ = f"{who}-{name}"
    made = {"id": id_, "type": "post", "name": name, "content": content, "image": image, "owner": who.lower()}
    return told(happened("post", who, object=made | {"url": f"https://app.example/p/{len(id_)}"}))


def told(*events: Event, group: str = "") -> Notice:
    """A notice of these events, oldest first."""
    return Notice(
        "dlv_1", f"ntf_{group}", events[0].type, group, events, BOB, Address("sub_1", "bob@app.example"), EIGHT
    )


def digest(
    *items: Notice, cadence: Cadence = Cadence.DAILY, person: Person = BOB, at: datetime = EIGHT, to: str = ""
) -> Notice:
    """The digest that tells of these, in this order, to one who may speak another language."""
    own = [_to(item, person) for item in items]
    return Notice(
        delivery_id="dlv_1",
        notification_id="ntf_1",
        type=own[0].type,
        group="",
        events=own[0].events,
        person=person,
        address=Address("sub_1", to or "bob@app.example"),
        created_at=at,
        unsubscribe_url=URL,
        items=tuple(own),
        digest=Digest(cadence, at),
    )


def _to(item: Notice, person: Person) -> Notice:
    return item if person == item.person else replace(item, person=person)
