"""What is held for people is looked at again as soon as they change what holds it, and not hours later."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from notifier.policy.words import Reason, State
from notifier.store.models import OPEN, WAITS, Delivery, Digest
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


def leave_digests(connection: Connection, changed: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """What waits for an open digest leaves it where its person changed how often they hear of its type.

    As (person, type's long name, channel). The next sweep decides anew: it waits for another digest, or goes out. What
    came to a digest because it was over the cap leaves with it, for the person may have stopped that digest.
    """
    rows = [{"user": user, "of_type": type_, "on_channel": channel} for user, type_, channel in changed]
    if not rows:
        return
    opened = select(Digest.id).where(Digest.id == Delivery.digest_id, Digest.state == OPEN).exists()
    theirs = Delivery.user_id == bindparam("user"), Delivery.channel == bindparam("on_channel"), WAITS, opened
    leave = update(Delivery).values(digest_id=None, due_at=now)
    connection.execute(
        leave.where(*theirs, Delivery.type == bindparam("of_type"), Delivery.rule == Reason.DIGEST), rows
    )
    channels = sorted({(user, channel) for user, _, channel in changed})
    connection.execute(
        leave.where(*theirs, Delivery.rule == "cap").values(reason=Reason.CAPPED),
        [{"user": user, "on_channel": channel} for user, channel in channels],
    )
