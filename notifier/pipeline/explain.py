"""Explaining: what became of an event for everybody it concerns, and what would become of one that never happens."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.deciding import Deciding, Question
from notifier.policy.events import Event
from notifier.policy.explaining import (
    Line,
    no_recipient,
    no_record,
    of_unknown_type,
    own_acts,
    unknown_to_all,
    unplanned,
    unplanned_until,
    would_be,
)
from notifier.policy.gathering import joined
from notifier.policy.naming import followed
from notifier.policy.relations import Bond, bond_of
from notifier.policy.retention import Retention
from notifier.policy.waves import wall_in
from notifier.store.database import Database
from notifier.store.explaining import Explaining, Known, Open
from notifier.store.facts import Facts
from notifier.store.pictures import Pictures
from notifier.store.types import new_id
from notifier.store.undoing import Undoing

PEOPLE = 50  # in one page, unless more are asked for
SHOWN = 100  # events that one deletion took back
COUNTED = 10_000  # followers
TOLD, NAMED, FOLLOWERS = "told", "named", "followers"


@dataclass(frozen=True, slots=True)
class Mark:
    """After whom a page of people goes on: first those who are planned, then the rest as the plan will meet them.

    `place` is the person's id, or for those who are named how many came before.
    """

    step: str = TOLD
    place: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One page of an event's lines.

    `took_back` are events, as (id, type), that this one took back, or would; `bond` is what it makes of two people.
    `addresses` are those that the lines name. A dry run says how many people it would be told to, as far as they were
    counted.
    """

    known: Known
    lines: Sequence[Line]
    next: Mark | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    took_back: Sequence[tuple[str, str]] = ()
    bond: Bond | None = None
    recipients: int | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of an event, beside what would become of it if it came now: the lines of the same people.

    `then` names more people than `now` only where `now` has them all.
    """

    then: Explanation
    now: Explanation


@dataclass(frozen=True, slots=True)
class _People:
    """One page of those whom an event concerns: for whom it is planned, and whom the plan will meet."""

    told: Sequence[str]
    left: Sequence[str] = ()
    next: Mark | None = None


class Explainer:
    """Explains in transactions that only read."""

    def __init__(self, database: Database, deciding: Deciding, clock: Clock, retention: Retention) -> None:
        self._database = database
        self._deciding = deciding
        self._clock = clock
        self._retention = retention

    def stored(
        self, event: str, *, user: str = "", mark: Mark | None = None, limit: int = PEOPLE
    ) -> Explanation | None:
        """What became of the event of that id; None where there is none.

        For `limit` people from the mark on, or for one `user` alone.
        """
        with self._database.read() as connection:
            known = Explaining(connection).event(event)
            if known is None:
                return None
            reading = _Reading(connection, self._deciding, known, self._clock(), retention=self._retention)
            return reading.explain(user, mark, limit)

    def dry(self, event: Event, *, user: str = "", mark: Mark | None = None, limit: int = PEOPLE) -> Explanation:
        """What would become of the event if it came now."""
        known = Known(event, planned_at=None, cursor=0, after="", undone_by=None)
        with self._database.read() as connection:
            return _Reading(connection, self._deciding, known, self._clock(), dry=True).explain(user, mark, limit)

    def replay(self, event: str, *, user: str = "", mark: Mark | None = None, limit: int = PEOPLE) -> Replay | None:
        """What became of the event of that id, and what would if it came now; None where there is none.

        Nothing is stored or sent. The pages are those of the dry run.
        """
        now = self._clock()
        with self._database.read() as connection:
            known = Explaining(connection).event(event)
            if known is None:
                return None
            fresh = replace(known.event, id=new_id("evt"), occurred_at=now, accepted_at=now)
            coming = Known(fresh, planned_at=None, cursor=0, after="", undone_by=None)
            dry = _Reading(connection, self._deciding, coming, now, dry=True).explain(user, mark, limit)
            reading = _Reading(connection, self._deciding, known, now, retention=self._retention)
            if user:
                return Replay(reading.explain(user, None, limit), dry)
            told = limit if mark is None and dry.next is None else 0
            return Replay(reading.beside({line.user for line in dry.lines if line.user}, told), dry)


class _Reading:
    """One explanation, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        deciding: Deciding,
        known: Known,
        now: datetime,
        *,
        dry: bool = False,
        retention: Retention | None = None,
    ) -> None:
        self._connection = connection
        self._deciding = deciding
        self._store = Explaining(connection)
        self._known = known
        self._event = known.event
        self._kind, self._in_catalogue = deciding.kind(known.event.type)
        self._whom = followed(self._event, self._kind)
        self._now = now
        self._dry = dry
        self._retention = retention

    def explain(self, user: str, mark: Mark | None, limit: int) -> Explanation:
        """For `limit` people from the mark on, or for one user alone."""
        if user:
            lines, next_ = self._lines_of(user), None
        else:
            people = self._people(mark or self._start, limit)
            lines, next_ = self._lines(people, first=mark is None), people.next
            # After everybody of whom there is a record still.
            lines += self._no_record() if next_ is None else ()
        return Explanation(
            self._known,
            lines,
            next_,
            self._store.addresses(line.address for line in lines if line.address),
            self._took_back(),
            bond_of(self._event, self._kind),
            self._recipients() if self._dry else None,
        )

    def beside(self, users: Collection[str], told: int) -> Explanation:
        """The stored lines of these people, and of so many more for whom it is planned."""
        more = self._store.told(self._event.id, "", told) if told else []
        everybody = sorted({*users, *more})
        stored = self._store.lines(self._event.id, everybody, self._deletion())
        lines = [*self._own_acts(), *(line for user in everybody for line in stored.get(user, ()))]
        return Explanation(
            self._known, lines, addresses=self._store.addresses(line.address for line in lines if line.address)
        )

    @property
    def _start(self) -> Mark:
        return Mark(NAMED, "0") if self._dry else Mark()

    def _lines_of(self, user: str) -> list[Line]:
        stored = {} if self._dry else self._store.lines(self._event.id, [user], self._deletion())
        if stored:
            return stored[user]
        if own := [line for line in self._own_acts() if line.user == user]:
            return own
        if self._known.planned_at and (gone := self._no_record(user)):
            return gone
        since = self._store.follows_since(user, self._whom) if self._whom and user != self._event.actor.id else None
        if not self._known.planned_at and (since or self._is_meant(user)):
            return list(self._coming([user]))
        if self._known.audience.everyone and user != self._event.actor.id and self._kind.cadences:
            return [unknown_to_all(user)]
        return [no_recipient(user, self._event, self._kind, self._in_catalogue, since)]

    def _is_meant(self, user: str) -> bool:
        """Whether the plan will meet them, other than as a follower."""
        if self._known.audience.everyone:
            return user != self._event.actor.id and bool(self._kind.cadences) and self._store.is_known(user)
        return user in self._deciding.named(self._event)

    def _lines(self, people: _People, *, first: bool) -> list[Line]:
        everybody = [*people.told, *people.left]
        stored = {} if self._dry else self._store.lines(self._event.id, everybody, self._deletion())
        lines = list(self._own_acts()) if first else []
        lines += [line for user in everybody for line in stored.get(user, ())]
        lines += self._coming([user for user in people.left if user not in stored])
        if first and not lines and not self._in_catalogue:
            return [of_unknown_type(self._event)]
        return lines

    def _no_record(self, user: str = "") -> list[Line]:
        """A line for those whose records were purged, if there were any; of a `user`, who may be one of them."""
        kept, event = self._retention, self._event
        if kept is None or not kept.is_past(event.accepted_at, kept.least_deliveries, self._now):
            return []
        count = self._known.cursor - self._store.count(event.id)
        return [no_record(count, kept, user)] if count > 0 else []

    def _own_acts(self) -> Sequence[Line]:
        return own_acts(self._event, self._kind) if self._in_catalogue else ()

    def _coming(self, users: Sequence[str]) -> Iterator[Line]:
        wall = None if self._known.undone_by else self._known.audience.wall
        if wall and users:
            yield from self._coming_at(wall, users)
        elif users:
            yield from (line if self._dry else unplanned(line) for line in self._decided(users, self._now))

    def _coming_at(self, wall: datetime, users: Sequence[str]) -> Iterator[Line]:
        """The lines of those who are told when their own clock comes to that time."""
        zones = {user: zone for user, (zone, _) in Facts(self._connection).rhythms(users, {}).items()}
        wave = self._known.audience.wave or self._now
        moments = {user: max(wall_in(zone, wall), wave) for user, zone in zones.items()}
        for at in sorted(set(moments.values())):
            theirs = [user for user in users if moments[user] == at]
            for line in self._decided(theirs, max(at, self._now)):
                waits = line.user is not None and at > self._now
                yield unplanned_until(line, at, wall, zones[line.user or ""]) if waits else unplanned(line)

    def _decided(self, users: Sequence[str], now: datetime) -> Iterator[Line]:
        """What planning would store for these people then, decided by the planner's own code."""
        question = Question(self._event, self._kind, self._in_catalogue, bool(self._known.undone_by), tuple(users))
        undoing = Undoing(self._connection, now)
        undone = self._deciding.undone(undoing, [question])
        cases = self._deciding.cases(undoing, [question], undone, now)
        if picture := Pictures(self._connection).coming(self._event):
            cases = self._deciding.awaiting(cases, {self._event.id: picture})
        told = self._deciding.told(Facts(self._connection), [question], cases, now)
        opened = self._store.open({(one.user, one.fold) for one in told if one.joins}, now)
        for one in told:
            before = opened.get((one.user, one.fold), _NOTHING)
            found = joined(one.plans, before.told, count=before.total, added=1, late_at=one.late_at)
            yield from would_be(one.user, one.plans, found if one.joins else None, before.live)

    def _people(self, mark: Mark, limit: int) -> _People:
        told: list[str] = []
        if mark.step == TOLD:
            told = self._store.told(self._event.id, mark.place, limit + 1)
            if len(told) > limit:
                return _People(told[:limit], next=Mark(TOLD, told[limit - 1]))
            if self._known.planned_at:
                return _People(told)
            mark = self._where_it_stands()
        left, next_ = self._left(mark, limit - len(told))
        return _People(told, left, next_)

    def _where_it_stands(self) -> Mark:
        """Before whom the plan goes on."""
        if self._known.audience.walks:
            return Mark(FOLLOWERS)
        return Mark(FOLLOWERS, self._known.after) if self._known.after else Mark(NAMED, str(self._known.cursor))

    def _left(self, mark: Mark, limit: int) -> tuple[list[str], Mark | None]:
        """Those from the mark on whom the plan will meet, in its order."""
        if self._known.audience.walks:
            return self._walked(mark.place if mark.step == FOLLOWERS else "", limit)
        named, left = self._deciding.named(self._event), []
        if mark.step == NAMED:
            start = int(mark.place)
            left = named[start : start + limit]
            if start + len(left) < len(named):
                return left, Mark(NAMED, str(start + len(left)))
            mark = Mark(FOLLOWERS)
        if not self._whom:
            return left, None
        room = limit - len(left)
        found = Facts(self._connection).followers(self._whom, mark.place, room + 1)
        left += [user for user in found[:room] if user != self._event.actor.id and user not in set(named)]
        if len(found) <= room:
            return left, None
        return left, Mark(FOLLOWERS, found[room - 1] if room else mark.place)

    def _walked(self, after: str, room: int) -> tuple[list[str], Mark | None]:
        """Those behind `after` who were not told yet, whenever their hour comes."""
        if not room:
            return [], Mark(FOLLOWERS, after)
        crowd = self._deciding.crowd(self._event, self._known.audience)
        found = Facts(self._connection).walking(self._event).stretch(crowd, after, room)
        return list(found.users), None if found.last else Mark(FOLLOWERS, found.after)

    def _recipients(self) -> int:
        """How many people it would be told to, followers counted only so far."""
        named = len(self._deciding.named(self._event))
        return named + (self._store.followers_at_least(self._whom, COUNTED) if self._whom else 0)

    def _took_back(self) -> Sequence[tuple[str, str]]:
        if not self._kind.takes_back:
            return ()
        if not self._dry:
            return self._store.taken_back(self._event.id, SHOWN)
        found = Undoing(self._connection, self._now).named(self._event, self._kind, "", SHOWN)
        return [(one.id, one.type) for one in found if self._deciding.takes_back(self._event, one)]

    def _deletion(self) -> str:
        """The type of what took the event back; empty where nothing did."""
        by = self._store.event(self._known.undone_by) if self._known.undone_by else None
        return by.event.type if by else ""


_NOTHING = Open(0, 0, ())
