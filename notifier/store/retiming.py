"""Open digests come when their people want them, also when that changes while something waits."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from notifier.policy.decide import Recipient
from notifier.store.digests import Digests
from notifier.store.facts import Facts


def retime(connection: Connection, users: Collection[str], now: datetime, *, moved: bool = False) -> None:
    """Let the open digests of these people, who are locked, follow what they want now.

    With `moved` they went to another zone: each date keeps its one digest.
    """
    if not users:
        return
    rhythms = Facts(connection).rhythms(users, {})
    people = {user: Recipient(user, zone, rhythm=rhythm) for user, (zone, rhythm) in rhythms.items()}
    Digests(connection).retime(people, now, moved=moved)
