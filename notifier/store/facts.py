"""All that decides about recipients, read in a handful of queries for many of them at once."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from notifier.policy.calendar import DIGEST_TIME, DIGEST_WEEKDAY
from notifier.policy.catalogue import Kind
from notifier.policy.decide import HOUR, NO_DIGESTS, Reach, Recipient, Rhythm
from notifier.policy.events import Event
from notifier.policy.quiet import QuietHours
from notifier.policy.relations import BLOCK, FOLLOW, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.policy.waves import Zones
from notifier.policy.words import DIGESTS, Cadence, Reason, State
from notifier.store.digests import Digests
from notifier.store.gone import refused_for_good
from notifier.store.models import Address, Delivery, Preference, Relation, User
from notifier.store.sql import AnyRow, among, chunked, locked_all
from notifier.store.types import id_at
from notifier.store.walking import Walking

# A message may have been planned so long before it goes out: a night, or a day of retries. What a long pause held is
# one message, and not counted.
LONGEST_WAIT = timedelta(hours=25)
EVENTS = 2_000  # in one statement
UNWANTING = (BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE)
_COUNTED = (State.QUEUED, State.SENDING, State.SENT, State.BOUNCED)
_COMING = (Reason.GATHERING, Reason.RETRY, Reason.PAUSED, Reason.RENDITION)


@dataclass(frozen=True, slots=True)
class Asked:
    """About which events and people facts are wanted. `standing` channels need no address.

    Without `messages` nobody counts what people got since an hour ago.
    """

    events: Sequence[tuple[Event, Kind]]
    users: Collection[str]
    standing: tuple[str, ...]
    caps: Mapping[str, int]  # channel → messages per hour, until a person chooses
    messages: bool = True


class Facts:
    """Reads facts in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, users: Iterable[str]) -> None:
        """Let nobody else plan for these people until the commit: two at once would both see room under a cap."""
        ids = sorted(set(users))
        if ids and self._connection.dialect.name != "sqlite":  # which has one writer at a time
            query = select(User.id).where(among(self._connection, User.id, ids)).order_by(User.id)
            self._connection.execute(locked_all(self._connection, query)).all()

    def followers(self, person: str, after: str, most: int) -> list[str]:
        """Up to `most` of the person's followers, in the order of their ids, those after `after`."""
        query = select(Relation.user_id).where(
            Relation.other == person, Relation.kind == FOLLOW, Relation.user_id > after
        )
        return list(self._connection.scalars(query.order_by(Relation.user_id).limit(most)))

    def everyone(self, most: int) -> list[str]:
        """Up to `most` of all people, in the order of their ids."""
        return list(self._connection.scalars(select(User.id).order_by(User.id).limit(most)))

    def walking(self, event: Event, zones: Zones | None = None) -> Walking:
        """Who was not told of the event yet; with `zones`, of those who live there."""
        return Walking(self._connection, event.id, event.actor.id, zones)

    def recipients(self, asked: Asked, now: datetime) -> Mapping[tuple[str, str], Recipient]:
        """All that decides about these people, by (person, type's long name)."""
        users = sorted(set(asked.users))
        kinds = {kind.name: kind for _, kind in asked.events}
        rhythms = self._rhythms(users, asked.caps)
        choices = self._choices(users, kinds)
        reach = self._reach(users, asked.standing)
        relations = self._relations(users, asked.events)
        messages = self.messages(_instant(users, kinds.values(), choices) if asked.messages else (), now)
        digests = Digests(self._connection).of(_digested(users, kinds.values(), choices, rhythms), now)
        nowhere = {channel: Reach(stands=True) for channel in asked.standing}
        usual = ("UTC", _rhythm("", None, "", "", None, "", _frozen(asked.caps)))
        found = {}
        for user in users:
            zone, rhythm = rhythms.get(user, usual)
            reached, related = reach.get(user, nowhere), relations.get(user, frozenset())
            for name in kinds:
                found[user, name] = Recipient(
                    id=user,
                    timezone=zone,
                    cadences=choices.get((user, name), {}),
                    reach=reached,
                    rhythm=rhythm,
                    relations=related,
                    messages=messages.get(user, {}),
                    digests=digests.get(user, NO_DIGESTS),
                )
        return found

    def waiting(
        self, users: Collection[str], kinds: Mapping[str, Kind], caps: Mapping[str, int], now: datetime
    ) -> dict[tuple[str, str], Recipient]:
        """What decides about messages of these people that are planned already, by (person, type's long name)."""
        ids = sorted(set(users))
        rhythms, choices = self.rhythms(ids, caps), self._choices(ids, kinds)
        messages, digests = self.messages(ids, now), Digests(self._connection).of(ids, now)
        return {
            (user, name): Recipient(
                id=user,
                timezone=rhythms[user][0],
                cadences=choices.get((user, name), {}),
                rhythm=rhythms[user][1],
                messages=messages.get(user, {}),
                digests=digests.get(user, NO_DIGESTS),
            )
            for user in ids
            for name in kinds
        }

    def messages(self, users: Collection[str], now: datetime) -> dict[str, dict[str, list[datetime]]]:
        """When these people got or will get messages, by person and channel, since an hour ago; oldest first."""
        if not users:
            return {}
        at = func.min(Delivery.wanted_at)
        rows = self._connection.execute(
            select(Delivery.user_id, Delivery.channel, at)
            .where(
                among(self._connection, Delivery.user_id, users),
                Delivery.id >= id_at("dlv", now - LONGEST_WAIT),
                Delivery.wanted_at > now - HOUR,
                Delivery.wanted_at <= now + HOUR,
                Delivery.address_id.is_not(None),
                Delivery.carried_by.is_(None),
                Delivery.queue != "digest",
                or_(
                    Delivery.state.in_(_COUNTED),
                    and_(Delivery.state == State.WAITING, Delivery.reason.in_(_COMING)),
                ),
            )
            .group_by(Delivery.user_id, Delivery.channel, Delivery.notification_id, Delivery.first_round)
            .order_by(Delivery.user_id, Delivery.channel, at)
        )
        found: dict[str, dict[str, list[datetime]]] = {}
        for user, channel, moment in rows:
            found.setdefault(user, {}).setdefault(channel, []).append(moment)
        return found

    def rhythms(self, users: Collection[str], caps: Mapping[str, int]) -> dict[str, tuple[str, Rhythm]]:
        """The time zone and the rhythm of each of these people, `caps` where they chose none."""
        known = self._rhythms(sorted(users), caps)
        usual = ("UTC", _rhythm("", None, "", "", None, "", _frozen(caps)))
        return {user: known.get(user, usual) for user in users}

    def relations(
        self, users: Collection[str], events: Sequence[tuple[Event, Kind]]
    ) -> dict[str, frozenset[tuple[str, str]]]:
        """Those blocks and mutes of these people that may concern one of the events, as (kind, other)."""
        found: dict[str, frozenset[tuple[str, str]]] = {}
        for some in chunked(events, EVENTS):
            for user, relations in self._relations(sorted(users), some).items():
                found[user] = found.get(user, frozenset()) | relations
        return found

    def picky(self, users: Collection[str]) -> set[str]:
        """Those of these people who block or mute anything. Most do not, and need not pay for it."""
        which = among(self._connection, Relation.user_id, sorted(users)), Relation.kind.in_(UNWANTING)
        return set(self._connection.scalars(select(Relation.user_id).where(*which).distinct()))

    def _rhythms(self, users: Sequence[str], caps: Mapping[str, int]) -> dict[str, tuple[str, Rhythm]]:
        rows = self._connection.execute(
            select(
                User.id,
                User.timezone,
                User.digest_time,
                User.digest_weekday,
                User.quiet_start,
                User.quiet_end,
                User.paused_until,
                User.caps,
            ).where(among(self._connection, User.id, users))
        )
        usual = _frozen(caps)
        return {row[0]: (row[1], _rhythm(*row[2:], usual)) for row in rows}

    def _choices(self, users: Sequence[str], kinds: Collection[str]) -> dict[tuple[str, str], dict[str, Cadence]]:
        rows = self._connection.execute(
            select(Preference.user_id, Preference.type, Preference.channel, Preference.cadence).where(
                among(self._connection, Preference.user_id, users), Preference.type.in_(sorted(kinds))
            )
        )
        found: dict[tuple[str, str], dict[str, Cadence]] = {}
        for user, type_, channel, cadence in rows:
            found.setdefault((user, type_), {})[channel] = Cadence(cadence)
        return found

    def _reach(self, users: Sequence[str], standing: tuple[str, ...]) -> dict[str, dict[str, Reach]]:
        rows = self._connection.execute(
            select(Address.user_id, Address.channel, Address.id, Address.gone_at, Address.gone_why)
            .where(among(self._connection, Address.user_id, users))
            .order_by(Address.user_id, Address.channel, Address.id)
        ).all()
        found: dict[str, dict[str, Reach]] = {}
        stands = {channel: Reach(stands=True) for channel in standing}
        for (user, channel), group in groupby(rows, key=itemgetter(0, 1)):
            found.setdefault(user, dict(stands))[channel] = _reach_of(list(group))
        return found

    def _relations(
        self, users: Sequence[str], events: Sequence[tuple[Event, Kind]]
    ) -> dict[str, frozenset[tuple[str, str]]]:
        """Those blocks and mutes of these people that may concern one of the events."""
        rows = self._connection.execute(
            select(Relation.user_id, Relation.kind, Relation.other).where(
                among(self._connection, Relation.user_id, users), concerning(events)
            )
        )
        found: dict[str, set[tuple[str, str]]] = {}
        for user, kind, other in rows:
            found.setdefault(user, set()).add((kind, other))
        return {user: frozenset(relations) for user, relations in found.items()}


def concerning(events: Iterable[tuple[Event, Kind]]) -> ColumnElement[bool]:
    """The condition on `relations` for blocks and mutes that may concern one of the events."""
    actors: set[str] = set()
    things: set[str] = set()
    types: set[str] = set()
    for event, kind in events:
        actors.add(event.actor.id)
        things.update(event.things)
        types.add(kind.name)
    return or_(
        and_(Relation.kind.in_([BLOCK, MUTE_ACTOR]), Relation.other.in_(sorted(actors))),
        and_(Relation.kind == MUTE_OBJECT, Relation.other.in_(sorted(things))),
        and_(Relation.kind == MUTE_TYPE, Relation.other.in_(sorted(types))),
    )


def rhythm_of(row: AnyRow) -> Rhythm:
    """The rhythm that a row with a person's columns says, without caps; all NULL where nobody is known."""
    quiet = row.quiet_start or "", row.quiet_end or ""
    return _rhythm(row.digest_time or "", row.digest_weekday, *quiet, row.paused_until, "", ())


def clock_time(text: str) -> time:
    """The time of day of "HH:MM"."""
    return time.fromisoformat(text)


def _instant(
    users: Iterable[str], kinds: Iterable[Kind], choices: Mapping[tuple[str, str], Mapping[str, Cadence]]
) -> list[str]:
    """Those whom something would reach at once, so that their caps matter."""
    limited = [kind for kind in kinds if "caps" not in kind.passes]
    always = any(Cadence.INSTANT in kind.cadences.values() for kind in limited)
    if always:
        return list(users)
    names = [kind.name for kind in limited]
    return [user for user in users if any(Cadence.INSTANT in choices.get((user, name), {}).values() for name in names)]


def _digested(
    users: Iterable[str],
    kinds: Iterable[Kind],
    choices: Mapping[tuple[str, str], Mapping[str, Cadence]],
    rhythms: Mapping[str, tuple[str, Rhythm]],
) -> list[str]:
    """Those for whom something may wait for a digest."""
    told = list(kinds)
    if any(cadence in DIGESTS for kind in told for cadence in kind.cadences.values()):
        return list(users)
    chosen = {user for (user, _), channels in choices.items() if not DIGESTS.isdisjoint(channels.values())}
    capped = {user for user, (_, rhythm) in rhythms.items() if 0 in rhythm.caps.values()}
    return [user for user in users if user in chosen or user in capped]


def _reach_of(addresses: Sequence[AnyRow]) -> Reach:
    live = tuple(row.id for row in addresses if row.gone_at is None)
    return Reach(live, suppressed=not live and any(refused_for_good(row.gone_why) for row in addresses))


def _frozen(caps: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(caps.items()))


@lru_cache(maxsize=4_096)
def _rhythm(
    digest_time: str,
    weekday: int | None,
    quiet_start: str,
    quiet_end: str,
    paused_until: datetime | None,
    caps: str,
    usual: tuple[tuple[str, int], ...],
) -> Rhythm:
    # Most people choose nothing, and share one value.
    return Rhythm(
        clock_time(digest_time) if digest_time else DIGEST_TIME,
        DIGEST_WEEKDAY if weekday is None else weekday,
        QuietHours(clock_time(quiet_start), clock_time(quiet_end)) if quiet_start else None,
        dict(usual) | (json.loads(caps) if caps else {}),
        paused_until,
    )
