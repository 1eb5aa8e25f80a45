"""Announcing: events of the service itself, which alone may be for everyone, or for each at their own hour."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, func, select

from notifier.policy.events import Event as Happening
from notifier.policy.waves import NAMED, Audience
from notifier.store.apps import BUILT_IN, Apps
from notifier.store.intake import Accepted, NewEvent
from notifier.store.models import Event
from notifier.store.rows import happening
from notifier.store.sql import insert


class Announcing:
    """Accepts in the transaction of the given connection, under the app of the service itself.

    The hot path of accepting knows no audience: no event that an app sends, whatever stands in it, can have one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def accept(self, event: NewEvent, audience: Audience = NAMED) -> Accepted:
        """Store the event; where its key came before, the first one counts, whatever it says."""
        Apps(self._connection).keep_built_in(event.accepted_at)
        columns = {name: value for name, value in asdict(event).items() if name != "app"}
        row = insert(self._connection, Event).values(
            **columns,
            app_id=event.app,
            plan_cursor=0,
            everyone=audience.everyone,
            wall_at=audience.wall.isoformat(timespec="seconds") if audience.wall else "",
            wave_at=audience.wave,
        )
        new = row.on_conflict_do_nothing(index_elements=["app_id", "key"]).returning(Event.id)
        if self._connection.scalar(new) is not None:
            return Accepted(event.id)
        under = select(Event.id, Event.body_hash).where(Event.app_id == event.app, Event.key == event.key)
        first = self._connection.execute(under).one()
        return Accepted(first.id, duplicate=True, reused=first.body_hash != event.body_hash)

    def announced(self, id: str, type_: str) -> Happening | None:
        """The event of that id, where it is of this type and the service's own; or None."""
        query = select(Event).where(Event.id == id, Event.type == type_, Event.app_id == BUILT_IN)
        row = self._connection.execute(query).one_or_none()
        return happening(row) if row else None


def still_told_since(connection: Connection) -> datetime | None:
    """When the oldest announcement was accepted that is still on its way around the earth; None where none is."""
    on_its_way = Event.planned_at.is_(None), Event.wall_at != ""
    return connection.scalar(select(func.min(Event.accepted_at)).where(*on_its_way))
