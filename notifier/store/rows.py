"""What rows say, as the values that travel."""

import json

from notifier.policy.events import Event as Happening
from notifier.policy.events import read_event
from notifier.store.models import Event
from notifier.store.sql import AnyRow

HAPPENING = (Event.id, Event.app_id, Event.type, Event.body, Event.occurred_at, Event.accepted_at)


def happening(row: AnyRow) -> Happening:
    """The event of a row of `events`, which has the columns of `HAPPENING` at least."""
    return read_event(
        json.loads(row.body),
        id=row.id,
        app=row.app_id,
        type=row.type,
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
    )
