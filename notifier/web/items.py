"""A feed item as it looks on the outside: worded in its person's language."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifier.channels import Address, Notice, Person
from notifier.channels.wording import BUILT_IN, Wording
from notifier.policy.events import Actor, Thing
from notifier.store.feed import FeedItem
from notifier.store.people import Profile
from notifier.web.shapes import moment, moment_or_null

log = logging.getLogger(__name__)

ACTORS = 5  # of an item, the newest; `count` counts all
THUMB = 320  # pixels that an item's picture is wide
_NOWHERE = Address("", "")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose feed it is, and how notices are worded for them."""

    person: Person
    word: Callable[[Notice], Wording]


def reader(user: str, profile: Profile | None, word: Callable[[Notice], Wording]) -> Reader:
    """The person with what is known of them; one without a profile reads English."""
    if profile is None:
        return Reader(Person(user), word)
    return Reader(Person(user, profile.name, profile.locale, profile.timezone), word)


def item_shape(item: FeedItem, reader: Reader) -> dict[str, Any]:
    """An item that stands in the feed. `count` counts people, as the text does; `event_count` what they did."""
    wording, events = worded(item, reader), item.told.events
    actors = list({event.actor.id: event.actor for event in reversed(events)}.values())
    return {
        "id": item.id,
        "type": item.type,
        "text": wording.sentence,
        "lang": wording.lang,
        "actors": [_actor(actor) for actor in actors[:ACTORS]],
        "count": len(actors) + item.told.earlier_actors,
        "event_count": len(events) + item.told.earlier_events,
        "object": _thing(events[-1].object),
        "url": wording.url or None,
        "image": wording.image.sized(THUMB).url or None,
        "updated_at": moment(item.feed_at),
        "seen_at": moment_or_null(item.seen_at),
        "read_at": moment_or_null(item.read_at),
    }


def worded(item: FeedItem, reader: Reader) -> Wording:
    """The item's words, in its reader's language."""
    notice = Notice(
        delivery_id="",
        notification_id=item.id,
        type=item.type,
        group=item.fold,
        events=item.told.events,
        person=reader.person,
        address=_NOWHERE,
        created_at=item.opened_at,
        earlier_events=item.told.earlier_events,
        earlier_actors=item.told.earlier_actors,
        pictures=item.told.pictures,
    )
    try:
        return reader.word(notice)
    except Exception:  # whatever a template does with its data, it must not take the whole feed away
        log.exception("feed item %s cannot be worded by its template", item.id)
        return BUILT_IN.word(notice)


def _actor(actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.id,
        "name": actor.name or None,
        "avatar": actor.avatar or None,
        "url": actor.url or None,
    }


def _thing(thing: Thing) -> dict[str, Any]:
    return {
        "id": thing.id,
        "type": thing.type or None,
        "name": thing.name or None,
        "url": thing.url or None,
        "image": thing.image or None,
    }
