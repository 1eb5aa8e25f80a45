"""The sweep: find whatever is overdue, whoever died over it, and say what must be rung for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.tickets import chunks
from notifier.policy.bundles import Held, bundled, only_capped, undecided, without
from notifier.policy.catalogue import DELETED, Catalogue
from notifier.policy.decide import Recipient, Verdict, cadence_of, capped, digested
from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next, policy_for
from notifier.policy.words import DIGESTS, Cadence, Reason, State
from notifier.store.bundling import Bundling
from notifier.store.database import Database, DatabaseAway
from notifier.store.facts import Facts
from notifier.store.lag import is_anything_due
from notifier.store.outbox import Outbox, Try
from notifier.store.pausing import Pauses
from notifier.store.planning import Planned
from notifier.store.sql import AnyRow

HASTE = 1_000  # ids in one statement
USUAL = "default"  # the queue of events whose type is in no catalogue
MERCY = timedelta(seconds=3)  # for the living to renew their claims, once the database is back

Whom: TypeAlias = tuple[str, str]  # person, channel
People: TypeAlias = Mapping[tuple[str, str], Recipient]  # by (person, type's long name)


@dataclass(frozen=True, slots=True)
class Overdue:
    """What must be rung for: events without a finished plan, and deliveries that can go out.

    Those of `lost` were claimed, and nobody knows what came of it.
    """

    events: tuple[str, ...] = ()
    deliveries: tuple[Planned, ...] = ()
    lost: tuple[Planned, ...] = ()


class Sweeper:
    """Asks the database what is overdue. Several may run at once: each row is taken by one of them."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._away_at: datetime | None = None
        self._types = _types_by_queue(catalogue)

    def is_anything_due(self) -> bool:
        """Whether a sweep would find anything."""
        with self._noting_absence():
            return is_anything_due(self._database, self._clock())

    def events(self, queue: str) -> Overdue:
        """Take the events whose plan is overdue on a queue; they are so again when its bell is rung again."""
        again = QUEUES[queue].again
        but = [type_ for name, types in self._types.items() if name != USUAL for type_ in types]
        types = None if queue == USUAL else self._types.get(queue, [])
        if types == []:
            return Overdue()
        return Overdue(
            tuple(
                self._database.transact(
                    lambda tx: Outbox(tx).overdue_events(self._clock(), again, types=types, but=but)
                )
            )
        )

    def deliveries(self, queue: str) -> Overdue:
        """Take what is overdue on a queue, and make it ready to be rung for."""
        with self._noting_absence():
            return self._database.transact(lambda tx: self._take(tx, queue))

    def hasten(self, deliveries: Sequence[str], events: Sequence[str]) -> None:
        """The bell could not be rung for these: the next sweep takes them up at once."""
        now = self._clock()
        for some in chunks(deliveries, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten(some, (), now))  # type: ignore[misc]
        for some in chunks(events, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten((), some, now))  # type: ignore[misc]

    @contextmanager
    def _noting_absence(self) -> Iterator[None]:
        try:
            yield
        except DatabaseAway:
            self._away_at = self._clock()
            raise

    def _take(self, connection: Connection, queue: str) -> Overdue:
        now, pauses = self._clock(), Pauses(connection)
        is_paused, holds = pauses.stands(queue)
        if is_paused:
            self._due(connection, queue, now, paused=True)
            return Overdue()
        found = self._due(connection, queue, now)
        if not holds:
            return found
        # What was held while the queue was paused; after people were locked, as everybody does.
        resumed = pauses.held(queue)
        Outbox(connection).queue([row.id for row in resumed], now)
        return replace(found, deliveries=(*map(_planned, resumed), *found.deliveries))

    def _due(self, connection: Connection, queue: str, now: datetime, *, paused: bool = False) -> Overdue:
        """What is overdue in a queue, made ready to be rung for; or made to wait, where the queue is `paused`."""
        outbox = Outbox(connection)
        overdue = outbox.overdue(now, queue)
        if not overdue:
            return Overdue()
        # Before anything else is locked: whoever plans for these people locks them first as well.
        carriers = self._bundle(connection, {row.user_id for row in overdue if row.held}, now)
        merciful = self._away_at is not None and now < self._away_at + MERCY
        rows = outbox.take_overdue([row.id for row in overdue if not row.held], now, lost=not merciful)
        lost = [row for row in rows if row.state == State.SENDING]
        given_up = {row.id for row in lost if _is_last(row)}
        self._record(outbox, [row for row in lost if row.id not in given_up], now)
        ready = [row for row in rows if row.id not in given_up]
        come = [row.id for row in ready] + [one.id for one in carriers]
        if paused:
            Pauses(connection).hold(come)
        else:
            outbox.queue(come, now)
        # Last, because outcomes are numbered: until the commit others wait for theirs.
        self._record(outbox, [row for row in lost if row.id in given_up], now)
        due: list[AnyRow | Held] = [row for row in ready if row.state != State.SENDING]
        return Overdue(
            deliveries=tuple(_planned(row) for row in [*due, *carriers]),
            lost=tuple(_planned(row) for row in ready if row.state == State.SENDING),
        )

    def _record(self, outbox: Outbox, lost: Sequence[AnyRow], now: datetime) -> None:
        """A claim whose lease ran out is a try like any other; one that kills its worker each time is given up."""
        for token, rows in groupby(sorted(lost, key=attrgetter("claim_token")), key=attrgetter("claim_token")):
            outbox.record([_lost(row, now) for row in rows], token, now=now, worker="")

    def _bundle(self, connection: Connection, users: Collection[str], now: datetime) -> list[Held]:
        """Bundle all that was held for these people and is due; gives what is to go out now."""
        if not users:
            return []
        facts, bundling = Facts(connection), Bundling(connection)
        facts.lock(users)
        due = bundling.due(users, now)
        put_off = self._put_off(facts, due, now)
        bundling.fold(put_off, now)
        bundling.wait(put_off)
        bundles = bundled(without(due, {one.id for one, _ in put_off}))
        bundling.carry(bundles)
        return [bundle.carrier for bundle in bundles]

    def _put_off(self, facts: Facts, due: Sequence[Held], now: datetime) -> list[tuple[Held, Verdict]]:
        """What is held all the same: until a digest, or until there is room under the cap."""
        users = {one.user for one in [*undecided(due), *(one for one in due if one.reason == Reason.CAPPED)]}
        if not users:
            return []
        people = facts.waiting(users, self._catalogue.kinds, self._catalogue.caps, now)
        # What was turned off meanwhile ends at its second look: it neither takes others along nor waits for anything.
        heard = [one for one in due if self._cadence(one, people) != Cadence.OFF]
        anew = [(one, until) for one in undecided(heard) if (until := self._until_digest(one, people, now))]
        goes = without(heard, {one.id for one, _ in anew})
        over = self._over_cap(only_capped(goes), people, now)
        return anew + [(one, over[one.user, one.channel]) for one in goes if (one.user, one.channel) in over]

    def _over_cap(self, leads: Mapping[Whom, Held], people: People, now: datetime) -> dict[Whom, Verdict]:
        """For whom on which channel there is still no room under the cap, and until when that is held.

        It folds into the daily digest of those who get one: whoever stopped theirs gets none for being busy.
        """
        found = {}
        for (user, channel), lead in leads.items():
            kind, person = self._catalogue.find(lead.type), people.get((user, lead.type))
            over = capped(kind, person, channel, now) if kind and person else None
            if person and over and self._gets_daily(user, channel, people):
                over = digested(person, channel, Cadence.DAILY, now, rule="cap", value=over.value)
            if over:
                found[user, channel] = over
        return found

    def _gets_daily(self, user: str, channel: str, people: People) -> bool:
        kinds = (kind for kind in self._catalogue.kinds.values() if channel in kind.cadences)
        return any(cadence_of(kind, people[user, kind.name], channel) == Cadence.DAILY for kind in kinds)

    def _until_digest(self, one: Held, people: People, now: datetime) -> Verdict | None:
        cadence, person = self._cadence(one, people), people.get((one.user, one.type))
        return digested(person, one.channel, cadence, now) if person and cadence in DIGESTS else None

    def _cadence(self, one: Held, people: People) -> Cadence | None:
        """How often its person wants to hear of its type now; None where that decides nothing."""
        kind, person = self._catalogue.find(one.type), people.get((one.user, one.type))
        return cadence_of(kind, person, one.channel) if kind and person and one.channel in kind.cadences else None


def _types_by_queue(catalogue: Catalogue) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in catalogue.kinds.values():
        found.setdefault(kind.queue, []).extend([kind.name, kind.short + DELETED])
    return found


def _planned(row: AnyRow | Held) -> Planned:
    return Planned(row.id, row.channel, row.queue)


def _is_last(row: AnyRow) -> bool:
    return bool(row.tries + 1 >= policy_for(row.type, row.channel).tries)


def _lost(row: AnyRow, now: datetime) -> Try:
    next_ = Next(State.FAILED, Reason.GAVE_UP) if _is_last(row) else Next(State.QUEUED, None, now)
    text = "The worker died, or its lease ran out, before an answer came."
    return Try(row.id, now, 0, "lost", "lost", text, next_, carries=True)
