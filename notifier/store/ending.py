"""How a delivery ends without having been tried: cancelled, with the reason, and its message's other parts set free."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.orm import aliased

from notifier.policy.retry import Next
from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.models import Delivery
from notifier.store.sql import chunked, locked_all


def cancel(
    connection: Connection, which: ColumnElement[bool], reason: Reason, *, value: str = "", now: datetime
) -> list[str]:
    """Cancel those of these deliveries that wait or are queued, for that reason; gives their ids.

    What was to be told in the message of one of them is due by itself again; what is being told in another's at this
    moment is no more ended than that one. Lock their notifications before.
    """
    carrier = aliased(Delivery)
    on_its_way = select(carrier.id).where(carrier.id == Delivery.carried_by, carrier.state == State.SENDING).exists()
    query = (
        select(Delivery.id)
        .where(which, Delivery.state.in_([State.WAITING, State.QUEUED]), ~on_its_way)
        .order_by(Delivery.id)
    )
    ids = list(connection.scalars(locked_all(connection, query)))
    if not ids:
        return []
    release(connection, ids, now)
    number = changes.number(connection)
    for some in chunked(ids):
        connection.execute(
            update(Delivery)
            .where(Delivery.id.in_(some))
            .values(
                state=State.CANCELLED,
                reason=reason,
                rule=str(reason),
                value=value,
                due_at=None,
                carried_by=None,
                change=number,
            )
        )
    return ids


def release(connection: Connection, carriers: Sequence[str], now: datetime) -> None:
    """Let what these carry go its own way again: it is due now."""
    for some in chunked(carriers):
        connection.execute(
            update(Delivery)
            .where(Delivery.carried_by.in_(some), Delivery.state == State.WAITING)
            .values(carried_by=None, due_at=now)
        )


def end(connection: Connection, ended: Sequence[tuple[str, Next]]) -> None:
    """End deliveries that wait, each as it was decided. Comes last in its transaction: until the commit others wait."""
    alike: dict[Next, list[str]] = {}
    for delivery, next_ in ended:
        alike.setdefault(next_, []).append(delivery)
    number = changes.number(connection) if ended else None
    for next_, ids in alike.items():
        for some in chunked(sorted(ids)):
            connection.execute(
                update(Delivery)
                .where(Delivery.id.in_(some), Delivery.state == State.WAITING)
                .values(
                    state=next_.state,
                    reason=next_.reason,
                    rule=next_.rule,
                    value=next_.value,
                    due_at=None,
                    change=number,
                )
            )
