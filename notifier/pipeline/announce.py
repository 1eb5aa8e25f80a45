"""Announcing: make an event of what somebody who runs the service has to say, once, however often it is asked for."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from notifier.pipeline import Clock
from notifier.policy.announcements import TAKEN_BACK, TYPE, Announcement, data_of
from notifier.policy.catalogue import Catalogue
from notifier.policy.waves import Audience, wave_after
from notifier.store.announcing import Announcing
from notifier.store.apps import BUILT_IN, BY_SERVICE
from notifier.store.database import Database
from notifier.store.intake import NewEvent
from notifier.store.types import new_id

OVERDUE = timedelta(seconds=2)  # an announcement without a plan for that long is rung for again
Nudge = Callable[[list[str], str], object]  # events, and the queue of their type


class Announcer:
    """Accepts announcements, under the app of the service itself. `nudge` rings the bell for their plan."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock, nudge: Nudge) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._nudge = nudge

    def announce(self, announcement: Announcement, key: str, wall: datetime | None = None) -> str:
        """Announce it; gives the event's id. With `wall` (naive), to each when their own clock comes to that time.

        What was announced under this key (1 to 255 printable characters) is not announced again, also where it now
        says something else: the first event's id is given. The key is the id of the thing announced, too.
        Raises `DatabaseAway`.
        """
        if wall is not None and wall.tzinfo is not None:
            raise ValueError(f"{wall} has a time zone; a time on everybody's own clock has none")
        now = self._clock()
        wall = wall.replace(microsecond=0, fold=0) if wall else None
        audience = Audience(announcement.everyone, wall, wave_after(wall, None, now) if wall else None)
        due_at = max(audience.wave or now, now + OVERDUE)
        return self._accept(_event(TYPE, key, data_of(announcement, key), now, due_at), audience)

    def take_back(self, event: str) -> str | None:
        """Take back the announcement of that id: who was not told yet is not told, and it leaves the feeds.

        Gives the id of the event that does it, None where there is no such announcement. Raises `DatabaseAway`.
        """
        with self._database.read() as connection:
            announced = Announcing(connection).announced(event, TYPE)
        if announced is None:
            return None
        # No sooner than what it takes back, whatever the clock of the machine says that announced it.
        now = max(self._clock(), announced.occurred_at)
        data = {"actor": {"id": announced.actor.id}, "object": {"id": announced.object.id, "type": "announcement"}}
        return self._accept(_event(TAKEN_BACK, f"take back {event}", data, now, now + OVERDUE), Audience())

    def _accept(self, event: NewEvent, audience: Audience) -> str:
        accepted = self._database.transact(lambda tx: Announcing(tx).accept(event, audience))
        kind = self._catalogue.find(event.type)
        if kind and not accepted.duplicate and (audience.wave is None or audience.wave <= event.accepted_at):
            self._nudge([accepted.id], kind.queue)
        return accepted.id


def _event(type_: str, key: str, data: Mapping[str, Any], now: datetime, due_at: datetime) -> NewEvent:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return NewEvent(
        id=new_id("evt"),
        app=BUILT_IN,
        key=key,
        body_hash=sha256(body).digest(),
        type=type_,
        actor=data["actor"]["id"],
        object=data["object"]["id"],
        target="",
        body=body,
        occurred_at=now,
        accepted_at=now,
        due_at=due_at,
        door=BY_SERVICE,
    )
