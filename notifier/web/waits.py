"""What waits for a person's digests, as they will tell it: each thing once, and nothing that was blocked since."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from notifier.policy.catalogue import Catalogue
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
        items = tuple(_standing(list(dict.fromkeys(waiting.notifications(looked_at).values())), feed))
        yield Waits(digest, items, len(items) + len(digest.items) - len(looked_at))


def _standing(notifications: list[str], feed: Feed) -> Iterator[FeedItem]:
    """Those of these that can still be told, in their order."""
    found = {item.id: item for item in feed.items(notifications) if item.stands and not item.read_at}
    for id_ in notifications:
        if item := found.get(id_):
            yield replace(item, feed_at=item.feed_at or item.changed_at)
