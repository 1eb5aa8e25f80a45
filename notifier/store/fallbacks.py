"""What people were told in English because their language lacks the words: counted, so that somebody translates it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from notifier.store.models import Fallback
from notifier.store.sql import insert

LONGEST = 255  # characters of a message that are kept


@dataclass(frozen=True, slots=True)
class Lack:
    """How often a message was missing in a language; an empty `message`: the language has no catalogue at all."""

    language: str
    message: str
    count: int


class Fallbacks:
    """The counts, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Add to the counts, by language and message."""
        kept: Counter[tuple[str, str]] = Counter()
        for (language, message), count in counts.items():
            kept[language[:35], message[:LONGEST]] += count
        # In one order everywhere: two processes that add the same ones must not wait for each other crosswise.
        for (language, message), count in sorted(kept.items()):
            row = insert(self._connection, Fallback).values(language=language, message=message, count=count)
            added = {"count": Fallback.count + row.excluded.count}
            self._connection.execute(row.on_conflict_do_update(index_elements=["language", "message"], set_=added))

    def most_frequent(self, limit: int) -> list[Lack]:
        """Those that were missed most often, first."""
        query = select(Fallback.language, Fallback.message, Fallback.count)
        rows = self._connection.execute(query.order_by(Fallback.count.desc(), Fallback.language).limit(limit))
        return [Lack(*row) for row in rows]
