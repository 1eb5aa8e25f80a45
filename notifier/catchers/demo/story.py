"""The two people of the page `/demo`, what they can do, and the signed request by which their app tells of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.policy.calendar import rfc3339
from notifier.policy.events import one_line
from notifier.policy.fields import is_asset_id
from notifier.policy.signature import sign

SITE = "https://demo.test"  # .test is reserved (RFC 2606): nothing is there, and no mail to it can reach anybody
LONGEST = 500  # characters of a comment
# What can be done, and what takes it back.
ACTS = {"follow": "unfollow", "like": "unlike", "comment": "uncomment", "post": "unpost"}
TYPES = {
    "follow": "follow.created",
    "unfollow": "follow.deleted",
    "like": "like.created",
    "unlike": "like.deleted",
    "comment": "comment.created",
    "uncomment": "comment.deleted",
    "post": "post.created",
    "unpost": "post.deleted",
}
_KEY = re.compile(r"[0-9a-f]{8,32}")


class NoSuchAct(ValueError):
    """Nobody of the page can do that. The message says what would be right."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the two: who they are, and what they have posted."""

    id: str
    name: str
    post: str
    title: str

    @property
    def email(self) -> str:
        """Where their mail goes; in the catcher it is found by this."""
        return f"{self.id}@{SITE.removeprefix('https://')}"

    @property
    def as_actor(self) -> dict[str, str]:
        """As an event names who does something."""
        return {"id": self.id, "name": self.name, "url": f"{SITE}/{self.id}"}

    @property
    def as_post(self) -> dict[str, str]:
        """Their post as an event names it."""
        return {
            "id": self.post,
            "type": "post",
            "name": self.title,
            "url": f"{SITE}/{self.id}/{self.post}",
            "owner": self.id,
        }


PEOPLE = (
    Person("demo-ana", "Ana", "demo-sunset", "Sunset over the harbour"),
    Person("demo-bob", "Bob", "demo-bread", "My first sourdough"),
)


@dataclass(frozen=True, slots=True)
class Act:
    """What one of the two does to the other.

    `key` names the comment, or the asset of a photo that is posted, also when it is taken back.
    """

    who: str
    act: str
    key: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it goes out. What signed it stays behind."""

    path: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The app that signs: its id and signing secret."""

    app: str
    secret: str


def person(id: str) -> Person:
    """One of the two. Raises `NoSuchAct`."""
    found = next((one for one in PEOPLE if one.id == id), None)
    if found is None:
        raise NoSuchAct(f"Nobody here has that id; there are {' and '.join(one.id for one in PEOPLE)}.")
    return found


def event_of(act: Act) -> dict[str, Any]:
    """The event that tells of the act. Raises `NoSuchAct`."""
    actor = person(act.who)
    other = next(one for one in PEOPLE if one != actor)
    if act.act not in TYPES:
        raise NoSuchAct(f"This cannot be done here; what can is {', '.join(TYPES)}.")
    return {"type": TYPES[act.act], "data": {"actor": actor.as_actor, **_what(act, other)}}


def signed(event: Mapping[str, Any], sender: Sender, *, id: str, now: datetime) -> Signed:
    """The request that posts the event, signed as Standard Webhooks say."""
    body = json.dumps({**event, "timestamp": rfc3339(now)}, indent=2, ensure_ascii=False)
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(body.encode(), id=id, timestamp=stamp, secret=sender.secret),
    }
    return Signed(f"/v1/hooks/{sender.app}", headers, body)


def _what(act: Act, other: Person) -> dict[str, Any]:
    if "follow" in act.act:
        return {"object": {"id": other.id, "type": "person", "name": other.name, "url": f"{SITE}/{other.id}"}}
    if "post" in act.act:
        return {"object": _photo(act), "to": [other.id]}
    if "like" in act.act:
        return {"object": other.as_post}
    return {"object": _comment(act, other), "target": other.as_post}


def _photo(act: Act) -> dict[str, Any]:
    if not is_asset_id(act.key):
        raise NoSuchAct("The key of a photo is the id of its asset.")
    who = person(act.who)
    post = {"id": f"demo-{act.key}", "type": "post", "name": one_line(act.text)[:LONGEST] or "A photo", "owner": who.id}
    return post | {"url": f"{SITE}/{who.id}/{act.key}", "media": [{"asset": act.key, "alt": post["name"]}]}


def _comment(act: Act, other: Person) -> dict[str, str]:
    if not _KEY.fullmatch(act.key):
        raise NoSuchAct("The key of a comment is 8 to 32 hexadecimal digits.")
    text = one_line(act.text)[:LONGEST]
    if not text and act.act == "comment":
        raise NoSuchAct("A comment needs a text.")
    url = f"{SITE}/{other.id}/{other.post}#{act.key}"
    return {"id": f"demo-{act.key}", "type": "comment", "url": url} | ({"content": text} if text else {})
