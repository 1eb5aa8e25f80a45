"""Who follows, blocks or mutes whom, as events say; blocks and mutes are choices, and stand in their history."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from notifier.policy.choices import Author
from notifier.policy.events import Event as Happening
from notifier.policy.relations import BLOCK, FOLLOW, Bond
from notifier.store.history import Changed, History
from notifier.store.models import Relation
from notifier.store.sql import insert

THROUGH = "event"


class Binding:
    """Keeps bonds in the transaction of the given connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def bind(self, bonds: Iterable[tuple[Bond, Happening]]) -> None:
        """Remember each bond as of the moment when it was made or ended; the latest word counts."""
        for bond, event in bonds:
            if bond.ends:
                self._unbind(bond, event)
            else:
                self._bind(bond, event)

    def _bind(self, bond: Bond, event: Happening) -> None:
        # Follows are many, and no choice of what comes: they shall not pay for a history.
        is_choice = bond.kind != FOLLOW
        held = is_choice and self._holds(bond)
        at = event.occurred_at
        row = insert(self._connection, Relation).values(
            user_id=bond.user, kind=bond.kind, other=bond.other, created_at=at
        )
        self._connection.execute(
            row.on_conflict_do_update(
                index_elements=["user_id", "kind", "other"],
                set_={"created_at": at},
                where=Relation.created_at < at,
            )
        )
        if is_choice and not held:
            self._record(bond, event, "", bond.named)

    def _unbind(self, bond: Bond, event: Happening) -> None:
        ended = self._connection.execute(delete(Relation).where(_its(bond), Relation.created_at <= event.occurred_at))
        if ended.rowcount and bond.kind != FOLLOW:
            self._record(bond, event, bond.named, "")

    def _holds(self, bond: Bond) -> bool:
        return self._connection.execute(select(Relation.other).where(_its(bond))).first() is not None

    def _record(self, bond: Bond, event: Happening, before: str, after: str) -> None:
        what = "block" if bond.kind == BLOCK else "mute"
        changed = Changed(bond.user, what, before, after)
        History(self._connection).record([changed], Author(event.app, THROUGH), self._now)


def _its(bond: Bond) -> ColumnElement[bool]:
    return and_(Relation.user_id == bond.user, Relation.kind == bond.kind, Relation.other == bond.other)
