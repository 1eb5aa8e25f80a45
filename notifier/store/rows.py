"""What rows say, as the values that travel."""

import json
from datetime import datetime

from notifier.policy.events import Event as Happening
from notifier.policy.events import read_event
from notifier.policy.waves import Audience
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


def audience_of(row: AnyRow) -> Audience:
    """Whom the event of a whole row of `events` is for, beside those whom its body names."""
    return Audience(row.everyone, datetime.fromisoformat(row.wall_at) if row.wall_at else None, row.wave_at)
