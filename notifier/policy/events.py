"""What happened in the app, as frozen values that travel from hop to hop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notifier.policy.fields import URL, is_asset_id, is_web_address


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who acted."""

    id: str
    name: str = ""
    avatar: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """What was acted on: a post, a comment, a person."""

    id: str
    type: str = ""
    name: str = ""
    content: str = ""
    url: str = ""
    image: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class PostedMedia:
    """A picture or video that a post shows: one to be fetched from a `url`, or an `asset` that was uploaded."""

    url: str = ""
    asset: str = ""
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as accepted. Times are aware UTC; `data` is the posted `data`, for the templates."""

    id: str
    app: str
    type: str
    occurred_at: datetime
    accepted_at: datetime
    actor: Actor
    object: Thing
    target: Thing | None = None
    in_reply_to: Thing | None = None
    mentions: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    followers_of: str = ""
    media: tuple[PostedMedia, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def things(self) -> tuple[str, ...]:
        """The ids of all that it is about: who mutes one of them hears nothing of it."""
        return tuple(thing.id for thing in (self.object, self.target, self.in_reply_to) if thing)


def read_event(
    data: Mapping[str, Any], *, id: str, app: str, type: str, occurred_at: datetime, accepted_at: datetime
) -> Event:
    """Make an event of `data` as stored: checked at the door, so read without doubt here."""
    return Event(
        id=id,
        app=app,
        type=type,
        occurred_at=occurred_at,
        accepted_at=accepted_at,
        actor=_actor(data["actor"]),
        object=_thing(data["object"]),
        target=_thing(data["target"]) if data.get("target") else None,
        in_reply_to=_thing(data["in_reply_to"]) if data.get("in_reply_to") else None,
        mentions=tuple(data.get("mentions") or ()),
        to=tuple(data.get("to") or ()),
        followers_of=data.get("followers_of") or "",
        media=_media(data["object"].get("media")),
        data=data,
    )


def _actor(data: Mapping[str, Any]) -> Actor:
    return Actor(data["id"], one_line(data.get("name")), data.get("avatar") or "", data.get("url") or "")


def _thing(data: Mapping[str, Any]) -> Thing:
    return Thing(
        id=data["id"],
        type=data.get("type") or "",
        name=one_line(data.get("name")),
        content=text_block(data.get("content")),
        url=data.get("url") or "",
        image=data.get("image") or "",
        owner=data.get("owner") or "",
    )


def _media(found: Any) -> tuple[PostedMedia, ...]:
    """What was posted before `media` had a meaning may hold anything there: only what has its shape is seen."""
    posted = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    made = [PostedMedia(*(_text(one.get(name)) for name in ("url", "asset", "alt"))) for one in posted]
    return tuple(one for one in made if _is_fetchable(one.url) or is_asset_id(one.asset))


def _is_fetchable(url: str) -> bool:
    return len(url) <= URL and is_web_address(url)


def _text(found: Any) -> str:
    return one_line(found) if isinstance(found, str) else ""


# Bidirectional overrides and isolates can make a text read as another (CVE-2021-42574); they are no part of a name.
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ") | {ord(mark): "" for mark in _BIDI}
_KEEP_LINES = {code: mark for code, mark in _CONTROLS.items() if code not in (0x0A, 0x09)}


def one_line(text: str | None) -> str:
    """The text on one line: control characters and line breaks become single spaces."""
    return " ".join((text or "").translate(_CONTROLS).split())


def text_block(text: str | None) -> str:
    """The text with its line breaks (LF), without other control characters."""
    return (text or "").replace("\r\n", "\n").translate(_KEEP_LINES).strip()
