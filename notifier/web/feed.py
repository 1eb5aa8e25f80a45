"""A person's feed: a page at a time, what they saw and read of it, and as it changes."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from flask import Blueprint, Response, current_app, g, request
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from notifier.policy.fields import URL
from notifier.store.feed import Feed, FeedItem, Place
from notifier.store.marking import Marked, Marking, Which
from notifier.store.people import People
from notifier.web import pages
from notifier.web.access import of_person, takes
from notifier.web.bodies import MarkBody, PageQuery
from notifier.web.items import item_shape, reader
from notifier.web.parts import parts
from notifier.web.problems import Problem
from notifier.web.reading import checked_value, read
from notifier.web.stream import mark_of, moment_of
from notifier.web.streams import LONGEST, Streams, TooManyStreams

bp = Blueprint("feed", __name__, url_prefix="/v1")

BUSY_SECONDS = 15
_PLACE = re.compile(r"(\d{1,18}) (ntf_[0-9a-f]{32})", re.ASCII)
STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StreamQuery(BaseModel):
    """Where to go on, as it stands in an address; a browser's own `Last-Event-ID` comes before it."""

    model_config = ConfigDict(extra="forbid")

    last_event_id: Annotated[str, StringConstraints(max_length=64)] = ""
    token: Annotated[str, StringConstraints(max_length=URL)] = ""


@bp.get("/users/<user:user_id>/feed")
@of_person("people")
@takes(query=PageQuery)
def page(user_id: str) -> Response:
    """The person's feed, newest first, and how many of its items are unread.

    `count` is how many people an item names, `event_count` what they did. Go on by `last_event_id` in the stream, and
    nothing is missed between the two.
    """
    query, now = pages.asked_page(), parts().clock()
    after = _place(query)
    with parts().database.read() as connection:
        feed = Feed(connection, parts().catalogue)
        found = feed.page(user_id, after, query.limit + 1)
        unread = feed.unread(user_id)
        whose = reader(user_id, People(connection).profile(user_id), parts().word)
    return pages.answer(
        found, query, lambda item: item_shape(item, whose), _mark, unread=unread, last_event_id=mark_of(now)
    )


@bp.post("/users/<user:user_id>/feed/read")
@of_person("people")
@takes(MarkBody)
def mark_read(user_id: str) -> dict[str, Any]:
    """Items were read: nothing joins them any more, and what waits of them on other channels is cancelled.

    Those of `ids`, or all whose `updated_at` is not later than `before`. `read` says how many were not before.
    """
    count = marked_read(user_id)
    return {"unread": _unread(user_id), "read": count}


@bp.post("/users/<user:user_id>/feed/seen")
@of_person("people")
@takes(MarkBody)
def mark_seen(user_id: str) -> dict[str, Any]:
    """Items were seen, as `read` takes them; they stay unread. `seen` says how many were not before."""
    count = _mark_all(user_id, lambda tx, which, after: Marking(tx, parts().clock()).see(which, after))
    return {"unread": _unread(user_id), "seen": count}


@bp.get("/users/<user:user_id>/feed/stream")
@of_person("people", in_query=True)
@takes(query=StreamQuery)
def stream(user_id: str) -> Response:
    """The feed as it changes (Server-Sent Events): `item`, `gone`, `unread`, and `reload` where too much changed.

    Each has an `id`; with the last one as `Last-Event-ID` header or `last_event_id`, nothing is missed, and a little
    may come twice: what comes later counts.
    """
    query = checked_value(StreamQuery, request.args.to_dict())
    mark = request.headers.get("Last-Event-ID", "") or query.last_event_id
    if request.method == "HEAD":
        return Response(content_type="text/event-stream", headers=STREAMED)
    last = moment_of(mark) if mark else None
    try:
        opened = streams().open(user_id, last, seconds=_seconds(), anew=bool(mark) and last is None)
    except TooManyStreams:
        raise Problem(
            429, "too-many", "Too many streams are open; close one, or try again.", retry_after=BUSY_SECONDS
        ) from None
    response = Response(iter(opened), content_type="text/event-stream", headers=STREAMED)
    response.call_on_close(opened.close)
    return response


def marked_read(user: str) -> int:
    """Mark read what the request's body names; gives how many items were not before."""
    return _mark_all(user, lambda tx, which, after: Marking(tx, parts().clock()).read(which, after))


def streams() -> Streams:
    """The open streams of the running app."""
    found: Streams = current_app.extensions["streams"]
    return found


def _mark_all(user: str, mark: Callable[[Connection, Which, Place | None], Marked]) -> int:
    """Mark what the body names, some in each transaction; gives how many."""
    body = read(MarkBody)
    which = Which(user, tuple(body.ids or ()), body.before)
    done = parts().database.transact(lambda tx: mark(tx, which, None))
    count = done.count
    while done.after:
        done = parts().database.transact(lambda tx, after=done.after: mark(tx, which, after))  # type: ignore[misc]
        count += done.count
    streams().wake()
    return count


def _unread(user: str) -> int:
    with parts().database.read() as connection:
        return Feed(connection, parts().catalogue).unread(user)


def _seconds() -> float:
    return (g.token.until - parts().clock()).total_seconds() if g.token else LONGEST


def _mark(item: FeedItem) -> str:
    return f"{mark_of(item.feed_at)} {item.id}"


def _place(query: PageQuery) -> Place | None:
    text = pages.place(query)
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    at: datetime | None = moment_of(found[1]) if found else None
    if found is None or at is None:
        raise pages.wrong_cursor()
    return Place(at, found[2])
