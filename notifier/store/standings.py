"""Short questions of the first page, each answered by one step of an index."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal_column, select

from notifier.policy.words import State
from notifier.store.models import Admin, App, Delivery, Event, Snapshot
from notifier.store.sql import insert

DISMISSED = "first steps"


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What whoever sets the service up has done so far."""

    event: bool
    apps: int
    admins: int
    dismissed: bool


def first_steps(connection: Connection) -> FirstSteps:
    """What is done."""
    apps, admins = (select(func.count()).select_from(table).scalar_subquery() for table in (App, Admin))
    event, dismissed = select(Event.id).exists(), select(Snapshot.name).where(Snapshot.name == DISMISSED).exists()
    return FirstSteps(*connection.execute(select(event, apps, admins, dismissed)).one())


def dismiss_first_steps(connection: Connection, now: datetime) -> None:
    """Show them no more, to nobody."""
    row = insert(connection, Snapshot).values(name=DISMISSED, at=now, ms=0, body=b"")
    connection.execute(row.on_conflict_do_nothing())


def oldest_queued(connection: Connection) -> datetime | None:
    """When the oldest delivery that is to go out now was to do so; None where none is."""
    queued = Delivery.state == State.QUEUED, Delivery.state != literal_column("'sent'")
    return connection.scalar(select(Delivery.wanted_at).where(*queued).order_by(Delivery.id).limit(1))
