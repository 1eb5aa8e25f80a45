"""Whom and what a person blocked or muted themselves; events that say so write the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, tuple_

from notifier.policy.choices import Author
from notifier.policy.relations import BLOCK
from notifier.store.history import Changed, History
from notifier.store.models import Relation
from notifier.store.sql import insert


@dataclass(frozen=True, slots=True)
class Tie:
    """What a person blocked or muted: `kind` as in `relations`; a type by its long name. `created_at` is aware UTC."""

    kind: str
    other: str
    created_at: datetime


class Relations:
    """A person's own blocks and mutes, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tie(self, user: str, tie: Tie, named: str, author: Author) -> Tie:
        """Block or mute; gives what holds, which may have held before. `named` is how the history tells of it."""
        row = insert(self._connection, Relation).values(
            user_id=user, kind=tie.kind, other=tie.other, created_at=tie.created_at
        )
        made = self._connection.execute(row.on_conflict_do_nothing().returning(Relation.other)).first()
        if made:
            self._record(user, tie, "", named, author)
            return tie
        since = self._connection.scalar(
            select(Relation.created_at).where(
                Relation.user_id == user, Relation.kind == tie.kind, Relation.other == tie.other
            )
        )
        return Tie(tie.kind, tie.other, since or tie.created_at)

    def untie(self, user: str, tie: Tie, named: str, author: Author) -> None:
        """Neither block nor mute it any more; `tie.created_at` is now."""
        gone = self._connection.execute(
            delete(Relation).where(Relation.user_id == user, Relation.kind == tie.kind, Relation.other == tie.other)
        )
        if gone.rowcount:
            self._record(user, tie, named, "", author)

    def page(self, user: str, kinds: Sequence[str], after: tuple[str, str] | None, most: int) -> list[Tie]:
        """Up to `most` of these kinds, in the order of kind and other; with `after` those that come later."""
        query = select(Relation).where(Relation.user_id == user, Relation.kind.in_(kinds))
        if after:
            query = query.where(tuple_(Relation.kind, Relation.other) > tuple_(*after))
        rows = self._connection.execute(query.order_by(Relation.kind, Relation.other).limit(most))
        return [Tie(row.kind, row.other, row.created_at) for row in rows]

    def _record(self, user: str, tie: Tie, before: str, after: str, author: Author) -> None:
        what = "block" if tie.kind == BLOCK else "mute"
        History(self._connection).record([Changed(user, what, before, after)], author, tie.created_at)
