"""One digest with all that stands behind it: its lines in the order in which they are told, and its messages."""

from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import Connection

from notifier.policy.catalogue import Catalogue
from notifier.policy.ranking import ranked
from notifier.store.log import Entry, Log
from notifier.store.waiting import DigestEntry, Waiting
from notifier.web.waits import LOOKED_AT

LISTED = 100  # lines of one digest


@dataclass(frozen=True, slots=True)
class Lines:
    """A digest, the deliveries that are its first `LISTED` lines, and those in whose messages it was told.

    What goes to several devices is one line. `count` counts all lines.
    """

    digest: DigestEntry
    lines: tuple[Entry, ...]
    count: int
    messages: tuple[Entry, ...]


def lines_of(connection: Connection, digest_id: str, catalogue: Catalogue) -> Lines | None:
    """The digest of that id with its lines, or None."""
    waiting, log = Waiting(connection), Log(connection)
    digest = waiting.find(digest_id)
    if digest is None:
        return None
    looked_at = digest.items[:LOOKED_AT]
    notifications = waiting.notifications(looked_at)
    # The other way round twice: of those that tell of one thing the first stands for all.
    firsts = {notification: delivery for delivery, notification in reversed(notifications.items())}
    ids = [delivery for delivery, notification in notifications.items() if firsts[notification] == delivery]
    messages = waiting.messages([digest])[digest.id]
    count = len(ids) + len(digest.items) - len(looked_at)
    lines = log.several(ids[:LISTED])
    if digest.ended_at is None:  # what was told is frozen in its order; what waits will have it then
        lines = ranked(lines, attrgetter("type"), attrgetter("id"), catalogue)
    return Lines(digest, tuple(lines), count, tuple(log.several(messages)))
