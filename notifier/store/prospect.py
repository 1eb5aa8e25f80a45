"""What a purge would delete, counted without deleting it: the same conditions, asked of every row at once."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from notifier.policy.retention import Purged
from notifier.store import counters
from notifier.store.aged import Kept
from notifier.store.models import (
    Attempt,
    Audit,
    Delivery,
    Digest,
    Event,
    Job,
    LoginLink,
    NotificationEvent,
    Pause,
    RejectedRequest,
    ScheduleRun,
)
from notifier.store.types import EPOCH, id_at


class Prospect:
    """Counts in the transaction of the given connection."""

    def __init__(self, connection: Connection, kept: Kept) -> None:
        self._connection = connection
        self._kept = kept

    def count(self) -> Purged:
        """How many rows would go, by table."""
        kept, limits = self._kept, self._kept.limits
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # it is asked for, and may take long
        stays = NotificationEvent.notification_id.not_in(kept.emptied())
        with_its_delivery = select(Delivery.id).where(Delivery.id == Attempt.delivery_id, kept.goes()).exists()
        return Purged(
            deliveries=self._rows(Delivery, kept.goes()),
            attempts=self._rows(Attempt, or_(kept.attempt(), with_its_delivery)),
            notifications=self._connection.scalar(select(func.count()).select_from(kept.emptied().subquery())) or 0,
            told=self._rows(NotificationEvent, ~stays),
            events=self._rows(Event, kept.event(stays)),
            bodies=self._rows(Event, and_(kept.body(stays), self._looked_at(~stays))),
            digests=self._rows(Digest, kept.digest()),
            runs=self._rows(ScheduleRun, kept.run()),
            jobs=self._rows(Job, kept.job()),
            audit=self._rows(Audit, kept.audit()),
            links=self._rows(LoginLink, LoginLink.expires_at <= limits.links),
            pauses=self._rows(Pause, Pause.until < limits.pauses),
            rejected=self._rows(RejectedRequest, kept.rejected()),
        )

    def _looked_at(self, goes: ColumnElement[bool]) -> ColumnElement[bool]:
        """Events that a purge looks at for their content: those that were never, and those whose notification goes."""
        looked_to = EPOCH + timedelta(milliseconds=counters.value(self._connection, counters.Name.BLANKED_TO))
        emptied = select(NotificationEvent.event_id).where(NotificationEvent.event_id == Event.id, goes)
        return or_(Event.id >= id_at("evt", looked_to), emptied.exists())

    def _rows(self, table: Any, which: ColumnElement[bool]) -> int:
        return self._connection.scalar(select(func.count()).select_from(table).where(which)) or 0
