"""Trying one address out: a test message to it alone, which goes the way of every other and stands in the log."""

import json
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.policy.announcements import NOBODY
from notifier.policy.decide import Plan
from notifier.policy.queues import QUEUES
from notifier.policy.words import State
from notifier.store.admins import Admins
from notifier.store.announcing import Announcing
from notifier.store.apps import BUILT_IN
from notifier.store.database import Database
from notifier.store.directory import ACTIVE, Contact, Directory
from notifier.store.intake import NewEvent
from notifier.store.joining import Told
from notifier.store.planning import Planning, Progress
from notifier.store.types import new_id

TYPE = "notifier.test"
QUEUE = "urgent"
_AWHILE = timedelta(minutes=1)


class Trial:
    """Sends test messages, under the app of the service itself."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def send(self, user: str, address: str, *, who: str) -> str | None:
        """Send one to this address of that person; gives the delivery's id, None where they have no such live address.

        The sweep sends it within a second or two. Raises `DatabaseAway`.
        """
        return self._database.transact(lambda tx: self._planned(tx, user, address, who))

    def _planned(self, connection: Connection, user: str, address: str, who: str) -> str | None:
        now = self._clock()
        contact = Directory(connection).contact(user, address)
        if contact is None or contact.state != ACTIVE:
            return None
        event = _event(user, now)
        Announcing(connection).accept(event)
        # Nobody is asked who hears of it and how: it is for this address, whatever its person chose.
        again = dict.fromkeys(QUEUES, now)
        planning = Planning(connection, now, again)
        [unplanned] = planning.unplanned([event.id], most=1)
        told = Told(unplanned.event, user, "", (_plan(contact),))
        [delivery] = planning.store([told], [Progress(event.id, 1, "", now)])
        Admins(connection).note(who, "address.test", f"{user!r} {contact.channel} {address}", now)
        return delivery.id


def _plan(contact: Contact) -> Plan:
    return Plan(contact.channel, State.QUEUED, QUEUE, address=contact.id, rule="test", value="sent by an admin")


def _event(user: str, now: datetime) -> NewEvent:
    id_ = new_id("evt")
    data = {"actor": {"id": NOBODY}, "object": {"id": id_, "type": "test"}, "to": [user]}
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return NewEvent(
        id=id_,
        app=BUILT_IN,
        key=id_,
        body_hash=sha256(body).digest(),
        type=TYPE,
        actor=NOBODY,
        object=id_,
        target="",
        body=body,
        occurred_at=now,
        accepted_at=now,
        due_at=now + _AWHILE,
    )
