"""Walking: an event's people in the order of their ids, a stretch at a time, passing over those who were told."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, String, and_, func, literal, not_, select, true

from notifier.policy.relations import FOLLOW
from notifier.policy.waves import Zones
from notifier.store.models import NotificationEvent, Relation, User
from notifier.store.sql import among, locked_all

LOOKED_AT = 10_000  # people of one stretch: of many who were told already a few at a time


@dataclass(frozen=True, slots=True)
class Crowd:
    """Among whom to walk: everyone, else the followers of a person, else those of these names."""

    everyone: bool = False
    followers_of: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a walk: who is to be told, and after whom to go on. It is the last where nobody comes behind it."""

    users: tuple[str, ...]
    after: str
    last: bool


class Walking:
    """Walks for one event, in the transaction of the given connection; passes over the one who acted.

    With `zones`, only those who live there are met; who is not known lives in UTC.
    """

    def __init__(self, connection: Connection, event: str, actor: str, zones: Zones | None = None) -> None:
        self._connection = connection
        self._event = event
        self._actor = actor
        self._zones = zones

    def stretch(self, crowd: Crowd, after: str, most: int, *, lock: bool = False) -> Stretch:
        """Up to `most` of the crowd, those after `after`.

        With `lock` nobody of everyone is erased or changed until the commit, and whoever is gone is not met.
        """
        person, belongs = self._among(crowd)
        place = self._until(person, belongs, after)
        window = person > after if place is None else and_(person > after, person <= place)
        query = select(person).where(belongs, window, person != self._actor, ~self._told(person, after, place))
        if crowd.everyone:
            query = query.where(self._lives_there(User.timezone))
        else:
            query = query.join(User, User.id == person, isouter=True)
            query = query.where(self._lives_there(func.coalesce(User.timezone, "UTC")))
        query = query.order_by(person).limit(most)
        found = tuple(self._connection.scalars(locked_all(self._connection, query) if lock else query))
        if len(found) == most:
            return Stretch(found, found[-1], last=False)
        return Stretch(found, place or "", last=place is None)

    def _among(self, crowd: Crowd) -> tuple[Any, ColumnElement[bool]]:
        """The column that names the people of the crowd, and which of its rows do."""
        if crowd.everyone:
            return User.id, true()
        if crowd.followers_of:
            return Relation.user_id, and_(Relation.other == crowd.followers_of, Relation.kind == FOLLOW)
        return self._listed(crowd.names), true()

    def _listed(self, names: Sequence[str]) -> Any:
        if self._connection.dialect.name == "postgresql":
            each = func.unnest(literal(list(names), ARRAY(String))).table_valued("value", name="named")
            return each.render_derived().c.value
        return func.json_each(json.dumps(list(names))).table_valued("value", name="named").c.value

    def _until(self, person: Any, belongs: ColumnElement[bool], after: str) -> str | None:
        """The last one of the stretch; None where it goes to the end."""
        query = select(person).where(belongs, person > after).order_by(person).limit(1).offset(LOOKED_AT - 1)
        found: str | None = self._connection.scalar(query)
        return found

    def _told(self, person: Any, after: str, place: str | None) -> ColumnElement[bool]:
        told = NotificationEvent.user_id
        # A range of the key besides: PostgreSQL would read all of a large event for each stretch of it.
        query = select(literal(1)).where(NotificationEvent.event_id == self._event, told == person, told > after)
        return (query if place is None else query.where(told <= place)).exists()

    def _lives_there(self, zone: Any) -> ColumnElement[bool]:
        if self._zones is None:
            return true()
        inside = among(self._connection, zone, sorted(self._zones.names))
        return not_(inside) if self._zones.others else inside
