"""What rows say, as the values that travel."""

import json

from notifier.policy.events import Event, read_event
from notifier.store.sql import AnyRow


def happening(row: AnyRow) -> Event:
    """The event of a row of `events`."""
    return read_event(
        json.loads(row.body),
        id=row.id,
        app=row.app_id,
        type=row.type,
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
    )
