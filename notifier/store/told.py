"""The events that a notification tells of: the newest one by one, the rest by number, since there may be many."""

import json
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Subquery, func, select

from notifier.store.models import Event, NotificationEvent


def newest_events(notifications: Iterable[str], most: int) -> Subquery:
    """Up to `most` events of each of these, the newest: (notification_id, event_id, count of all that it tells of)."""
    notification, event = NotificationEvent.notification_id, NotificationEvent.event_id
    place = func.row_number().over(partition_by=notification, order_by=event.desc())
    numbered = (
        select(notification, event, func.count().over(partition_by=notification).label("count"), place.label("place"))
        .where(notification.in_(sorted(set(notifications))))
        .subquery()
    )
    columns = (numbered.c.notification_id, numbered.c.event_id, numbered.c.count)
    return select(*columns).where(numbered.c.place <= most).subquery()


def count_actors(connection: Connection, notification: str, but: Collection[str]) -> int:
    """How many people acted in all that it tells of, each once, `but` those. Reads every event: for the rare large."""
    bodies = connection.scalars(
        select(Event.body)
        .join(NotificationEvent, NotificationEvent.event_id == Event.id)
        .where(NotificationEvent.notification_id == notification),
        execution_options={"yield_per": 1_000},
    )
    return len({json.loads(body)["actor"]["id"] for body in bodies}.difference(but))
