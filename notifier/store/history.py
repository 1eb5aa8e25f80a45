"""The history of what a person chose: every change with who made it, when and through what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from notifier.policy.choices import Author
from notifier.store.models import PreferenceChange
from notifier.store.sql import insert
from notifier.store.types import new_id


@dataclass(frozen=True, slots=True)
class Changed:
    """That something is now otherwise than before; empty stands for the default, or for nothing."""

    user: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it was recorded."""

    id: str
    at: datetime
    author: Author
    what: str
    before: str
    after: str


class History:
    """The history, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, changes: Sequence[Changed], author: Author, now: datetime) -> None:
        """Keep these changes, in the transaction that makes them."""
        if not changes:
            return
        self._connection.execute(
            insert(self._connection, PreferenceChange),
            [
                {
                    "id": new_id("chg"),
                    "user_id": one.user,
                    "at": now,
                    "by": author.by,
                    "through": author.through,
                    "what": one.what,
                    "before": one.before,
                    "after": one.after,
                }
                for one in changes
            ],
        )

    def page(self, user: str, before: str, most: int) -> list[Change]:
        """Up to `most` changes of a person, newest first; with `before` those older than that one."""
        query = select(PreferenceChange).where(PreferenceChange.user_id == user)
        if before:
            query = query.where(PreferenceChange.id < before)
        rows = self._connection.execute(query.order_by(PreferenceChange.id.desc()).limit(most))
        return [Change(row.id, row.at, Author(row.by, row.through), row.what, row.before, row.after) for row in rows]
