"""Snapshots: what was last found of something that takes long to find, so that a page can show it at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from notifier.store.books import Books, ChannelBooks
from notifier.store.models import Snapshot
from notifier.store.sql import insert

BOOKS = "books"


@dataclass(frozen=True, slots=True)
class LastBooks:
    """The books as they were last counted: when, and how many milliseconds that took."""

    books: Books
    at: datetime
    ms: int


class Snapshots:
    """What was last found, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def books(self) -> LastBooks | None:
        """The books, None where nobody has counted yet."""
        row = self._connection.execute(select(Snapshot).where(Snapshot.name == BOOKS)).one_or_none()
        return LastBooks(_books(json.loads(row.body)), row.at, row.ms) if row else None

    def keep_books(self, found: LastBooks) -> None:
        """Keep these in the place of the last."""
        books = found.books
        body = {"accepted": books.accepted, "planned": books.planned, "missing": books.missing}
        channels = books.as_json()["channels"]
        values = {"at": found.at, "ms": found.ms, "body": json.dumps(body | {"channels": channels}).encode()}
        row = insert(self._connection, Snapshot).values(name=BOOKS, **values)
        self._connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def _books(body: Mapping[str, Any]) -> Books:
    channels = {name: ChannelBooks(**columns) for name, columns in body["channels"].items()}
    return Books(body["accepted"], body["planned"], body["missing"], channels)
