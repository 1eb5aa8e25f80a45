"""A person's feed: items with what they tell, newest first, and how many of them are unread."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, tuple_

from notifier.policy.catalogue import Catalogue
from notifier.policy.decide import unwanted
from notifier.policy.relations import BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.store.facts import Facts
from notifier.store.models import Event, Notification, NotificationEvent, Relation
from notifier.store.pictures import Pictures
from notifier.store.rows import happening
from notifier.store.sql import AnyRow, among, holds
from notifier.store.told import Gathered
from notifier.store.types import Key

NEWEST = 10  # events of an item that are read whole; more are told of by their number
LOOKED_AT = 500  # unread replies that are read to see whether one of them answers something muted
_REPLY = b'"in_reply_to"'


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A notification as it stands in the feed. Nothing is `told` where it left: taken back, blocked or muted."""

    id: str
    user: str
    type: str
    fold: str
    opened_at: datetime
    feed_at: datetime
    changed_at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    told: Gathered

    @property
    def stands(self) -> bool:
        """Whether the feed shows it."""
        return bool(self.told.events)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the feed ends: the next one begins below it."""

    feed_at: datetime
    id: str


def standing(user: str) -> ColumnElement[bool]:
    """The notifications that stand in this person's feed, whatever they block or mute."""
    return and_(Notification.user_id == user, Notification.feed_at.is_not(None), Notification.undone_at.is_(None))


def below(place: Place) -> ColumnElement[bool]:
    """The notifications that come after that place, newest first."""
    key = tuple_(Notification.feed_at, Notification.id)
    beginning = tuple_(literal(place.feed_at, Notification.feed_at.type), literal(place.id, Key("ntf")))
    return and_(Notification.feed_at <= place.feed_at, key < beginning)


class Feed:
    """Reads feeds in the transaction of the given connection."""

    def __init__(self, connection: Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._always = sorted(kind.name for kind in catalogue.kinds.values() if kind.mandatory)

    def page(self, user: str, after: Place | None, most: int) -> list[FeedItem]:
        """Up to `most` items that are shown, newest first, those below `after`."""
        shown: list[FeedItem] = []
        picky = bool(self._picky([user]))
        more = True
        while more and len(shown) < most:
            query = select(Notification).where(standing(user))
            if picky:
                query = query.where(self._something_left())
            if after:
                query = query.where(below(after))
            query = query.order_by(Notification.feed_at.desc(), Notification.id.desc()).limit(most)
            rows = self._connection.execute(query).all()
            shown += [item for item in self._items(rows) if item.stands]
            more = len(rows) == most
            after = Place(rows[-1].feed_at, rows[-1].id) if rows else after
        return shown[:most]

    def items(self, ids: Collection[str]) -> list[FeedItem]:
        """These items, also those that left the feed."""
        return self._items(self._connection.execute(select(Notification).where(Notification.id.in_(ids))).all())

    def unread(self, user: str) -> int:
        """How many items of this person's feed are unread; items, not events."""
        wanted = and_(standing(user), Notification.read_at.is_(None))
        kinds = self._picky([user])
        if not kinds:
            return self._count(wanted)
        wanted = and_(wanted, self._something_left())
        count = self._count(wanted)
        return count - self._muted_replies(wanted) if MUTE_OBJECT in kinds else count

    def changed(self, users: Collection[str], since: datetime, most: int) -> dict[str, dict[str, datetime]]:
        """What changed in these people's feeds later than `since`: by person, item → when. The newest `most` each."""
        place = func.row_number().over(partition_by=Notification.user_id, order_by=Notification.changed_at.desc())
        numbered = (
            select(Notification.user_id, Notification.id, Notification.changed_at, place.label("place"))
            .where(
                among(self._connection, Notification.user_id, users),
                Notification.changed_at > since,
                Notification.feed_at.is_not(None),
            )
            .subquery()
        )
        rows = self._connection.execute(select(numbered).where(numbered.c.place <= most))
        found: dict[str, dict[str, datetime]] = {user: {} for user in users}
        for row in rows:
            found[row.user_id][row.id] = row.changed_at
        return found

    def _count(self, wanted: ColumnElement[bool]) -> int:
        return self._connection.scalar(select(func.count()).select_from(Notification).where(wanted)) or 0

    def _muted_replies(self, unread: ColumnElement[bool]) -> int:
        """How many of these answer only what was muted: what an event replies to is no column, so they are read."""
        reply = select(NotificationEvent.event_id).join(Event, Event.id == NotificationEvent.event_id)
        reply = reply.where(_live(), holds(self._connection, Event.body, _REPLY))
        query = select(Notification).where(unread, reply.correlate(Notification).exists())
        rows = self._connection.execute(query.order_by(Notification.feed_at.desc()).limit(LOOKED_AT)).all()
        return sum(not item.stands for item in self._items(rows))

    def _picky(self, users: Collection[str]) -> set[str]:
        """The kinds of blocks and mutes that any of these people made. Most made none, and pay for none."""
        return set(
            self._connection.scalars(
                select(Relation.kind)
                .where(
                    among(self._connection, Relation.user_id, users),
                    Relation.kind.in_([BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE]),
                )
                .distinct()
            )
        )

    def _something_left(self) -> ColumnElement[bool]:
        """That a notification tells of something that its person has neither blocked nor muted since."""
        muted_type = select(Relation.other).where(
            Relation.user_id == Notification.user_id,
            Relation.kind == MUTE_TYPE,
            Relation.other == Notification.type,
            Notification.type.not_in(self._always),
        )
        wanted = select(NotificationEvent.event_id).join(Event, Event.id == NotificationEvent.event_id)
        wanted = wanted.where(_live(), ~_unwanted_event().exists())
        return and_(~muted_type.correlate(Notification).exists(), wanted.correlate(Notification).exists())

    def _items(self, rows: Sequence[AnyRow]) -> list[FeedItem]:
        told = self._told(rows)
        return [
            FeedItem(
                id=row.id,
                user=row.user_id,
                type=row.type,
                fold=row.fold,
                opened_at=row.opened_at,
                feed_at=row.feed_at,
                changed_at=row.changed_at,
                seen_at=row.seen_at,
                read_at=row.read_at,
                told=told.get(row.id, Gathered()),
            )
            for row in rows
        ]

    def _told(self, rows: Sequence[AnyRow]) -> dict[str, Gathered]:
        """What each of these tells its person now."""
        ids = [row.id for row in rows if row.undone_at is None]
        if not ids:
            return {}
        picky = bool(self._picky({row.user_id for row in rows}))
        told = Pictures(self._connection).illustrated(dict(self._newest(ids, picky=picky)))
        if not picky:
            return told
        users = {row.id: row.user_id for row in rows}
        events = [
            (event, kind)
            for gathered in told.values()
            for event in gathered.events
            if (kind := self._catalogue.find(event.type))
        ]
        relations = Facts(self._connection).relations(set(users.values()), events)
        return {id_: self._wanted(gathered, relations.get(users[id_], frozenset())) for id_, gathered in told.items()}

    def _wanted(self, told: Gathered, relations: frozenset[tuple[str, str]]) -> Gathered:
        kept = tuple(
            event
            for event in told.events
            if not ((kind := self._catalogue.find(event.type)) and unwanted(event, kind, relations))
        )
        return replace(told, events=kept) if kept else Gathered()

    def _newest(self, ids: Sequence[str], *, picky: bool) -> Iterator[tuple[str, Gathered]]:
        """The newest events of each notification; with `picky` without those of people who are blocked or muted."""
        notification, event = NotificationEvent.notification_id, NotificationEvent.event_id
        place = func.row_number().over(partition_by=notification, order_by=event.desc())
        numbered = select(
            notification, event, func.count().over(partition_by=notification).label("told"), place.label("place")
        ).where(notification.in_(ids), NotificationEvent.undone_at.is_(None))
        if picky:
            numbered = numbered.join(Event, Event.id == event).where(~_unwanted_event().exists())
        newest = numbered.subquery()
        rows = self._connection.execute(
            select(newest.c.notification_id, newest.c.told, Event)
            .join(Event, Event.id == newest.c.event_id)
            .where(newest.c.place <= NEWEST)
            .order_by(newest.c.notification_id, Event.id)
        ).all()
        people = self._people({row.notification_id for row in rows if row.told > NEWEST}, picky=picky)
        for id_, group in groupby(rows, key=attrgetter("notification_id")):
            yield id_, _gathered(list(group), people.get(id_, 0))

    def _people(self, ids: Iterable[str], *, picky: bool) -> Mapping[str, int]:
        """How many people acted in each of these. Reads every event: for the rare large."""
        query = (
            select(NotificationEvent.notification_id, func.count(Event.actor.distinct()))
            .join(Event, Event.id == NotificationEvent.event_id)
            .where(NotificationEvent.notification_id.in_(sorted(ids)), NotificationEvent.undone_at.is_(None))
            .group_by(NotificationEvent.notification_id)
        )
        if picky:
            query = query.where(~_unwanted_event().exists())
        return {row[0]: row[1] for row in self._connection.execute(query)} if ids else {}


def _live() -> ColumnElement[bool]:
    """That an event belongs to a notification of the query around, and was not taken back."""
    return and_(NotificationEvent.notification_id == Notification.id, NotificationEvent.undone_at.is_(None))


def _unwanted_event() -> Select[str]:
    """What its person blocks or mutes of the event of the query around."""
    return (
        select(Relation.other)
        .where(
            Relation.user_id == NotificationEvent.user_id,
            or_(
                and_(Relation.kind.in_([BLOCK, MUTE_ACTOR]), Relation.other == Event.actor),
                and_(Relation.kind == MUTE_OBJECT, or_(Relation.other == Event.object, Relation.other == Event.target)),
            ),
        )
        .correlate(NotificationEvent, Event)
    )


def _gathered(rows: Sequence[AnyRow], people: int) -> Gathered:
    events = tuple(happening(row) for row in rows)
    earlier = rows[0].told - len(events)
    named = len({event.actor.id for event in events})
    return Gathered(events, (), earlier, max(people - named, 0) if earlier else 0)
