"""What waits for a person's digests, as they will tell it: what concerns them most first, nothing blocked since."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from sqlalchemy import Connection

from notifier.policy.catalogue import Catalogue
from notifier.policy.ranking import ranked
from notifier.store.feed import Feed, FeedItem
from notifier.store.waiting import DigestEntry, Waiting

LOOKED_AT = 1_000  # items of one digest that are looked through for what was blocked since


@dataclass(frozen=True, slots=True)
class Waits:
    """An open digest, and the items that wait for it. Of more than `LOOKED_AT` the `count` alone tells."""

    digest: DigestEntry
    items: tuple[FeedItem, ...]
    count: int


def what_waits(connection: Connection, user: str, catalogue: Catalogue) -> Iterator[Waits]:
    """The person's open digests, the next one first."""
    waiting, feed = Waiting(connection), Feed(connection, catalogue)
    for digest in waiting.of(user):
        looked_at = digest.items[:LOOKED_AT]
        items = _standing(set(waiting.notifications(looked_at).values()), feed)
        told = ranked(items, attrgetter("type"), lambda item: item.told.events[-1].id, catalogue)
        yield Waits(digest, tuple(told), len(items) + len(digest.items) - len(looked_at))


def _standing(notifications: Collection[str], feed: Feed) -> list[FeedItem]:
    """Those of these that can still be told. One that stands in no feed came when it last changed."""
    items = [item for item in feed.items(notifications) if item.stands and not item.read_at]
    return [replace(item, feed_at=item.feed_at or item.changed_at) for item in items]
