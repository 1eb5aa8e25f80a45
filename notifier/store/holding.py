"""What is held for people is looked at again as soon as they change what holds it, and not hours later."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, update

from notifier.policy.words import Reason, State
from notifier.store.models import Delivery
from notifier.store.sql import among


def look_again(
    connection: Connection, users: Collection[str], reason: Reason, now: datetime, *, channel: str = ""
) -> None:
    """Let all that is held for these people for that reason be due now: the sweep bundles it, or holds it anew.

    With a channel only what is held there. The people must be locked.
    """
    if not users:
        return
    held = [
        among(connection, Delivery.user_id, sorted(users)),
        Delivery.state == State.WAITING,
        Delivery.reason == reason,
        Delivery.carried_by.is_(None),
        Delivery.due_at > now,
    ]
    if channel:
        held.append(Delivery.channel == channel)
    connection.execute(update(Delivery).where(*held).values(due_at=now, wanted_at=now))
