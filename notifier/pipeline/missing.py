"""Stores what a process had to say in English for want of a translation."""

import logging

from notifier.languages import Missing
from notifier.store.database import Database, DatabaseAway
from notifier.store.fallbacks import Fallbacks

log = logging.getLogger(__name__)


def keep_missing(database: Database, missing: Missing) -> None:
    """Store what was counted since the last time. While the database is away, it stays with the process."""
    counts = missing.take()
    if not counts:
        return
    try:
        database.transact(lambda tx: Fallbacks(tx).add(counts))
    except DatabaseAway as error:
        log.warning("what translations lack is stored later: %s", error)
        for (language, message), count in counts.items():
            missing.add(language, message, count)
