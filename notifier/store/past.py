"""What happened, read again: past events in the order in which they came, a chunk at a time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.orm import aliased

from notifier.policy.waiting import Past
from notifier.store.models import Event
from notifier.store.rows import happening
from notifier.store.types import id_at


class PastEvents:
    """Reads in the transaction of the given connection; with `app`, that app's events only."""

    def __init__(self, connection: Connection, app: str = "") -> None:
        self._connection = connection
        self._app = app

    def start(self, since: datetime, until: datetime, most: int, *, largest: int) -> tuple[str, bool]:
        """The id from which on events are read, so that they have about `most` recipients; and whether that cuts off.

        Of one event no more than `largest` count.
        """
        first = id_at("evt", since)
        query = select(Event.id, Event.plan_cursor).where(*self._between(first, until)).order_by(Event.id.desc())
        count, start = 0, ""
        with self._connection.execute(query, execution_options={"yield_per": 1_000}) as rows:
            for id_, recipients in rows:
                count += min(max(recipients, 1), largest)
                if count > most and start:
                    return start, True
                start = id_
        return first, False

    def events(self, start: str, until: datetime, most: int) -> list[Past]:
        """Up to `most` events from that id on, in the order in which they were accepted."""
        deletion = aliased(Event)
        rows = self._connection.execute(
            select(Event, deletion.accepted_at.label("undone_at"))
            .join(deletion, deletion.id == Event.undone_by, isouter=True)
            .where(*self._between(start, until))
            .order_by(Event.id)
            .limit(most)
        )
        return [Past(happening(row), row.undone_at, row.everyone) for row in rows]

    def _between(self, start: str, until: datetime) -> Sequence[ColumnElement[bool]]:
        found = [Event.id >= start, Event.id < id_at("evt", until)]
        return [*found, Event.app_id == self._app] if self._app else found
