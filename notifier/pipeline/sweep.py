"""The sweep: find whatever is overdue, whoever died over it, and say what must be rung for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.tickets import chunks
from notifier.policy.bundles import Held, bundled, only_capped, without
from notifier.policy.catalogue import DELETED, Catalogue
from notifier.policy.decide import Recipient, Verdict, capped, digested
from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next, policy_for
from notifier.policy.words import Cadence, Reason, State
from notifier.store.bundling import Bundling
from notifier.store.database import Database, DatabaseAway
from notifier.store.facts import Facts
from notifier.store.outbox import Outbox, Try
from notifier.store.planning import Planned
from notifier.store.sql import AnyRow

HASTE = 1_000  # ids in one statement
USUAL = "default"  # the queue of events whose type is in no catalogue
MERCY = timedelta(seconds=3)  # for the living to renew their claims, once the database is back


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
        try:
            return self._database.transact(lambda tx: self._take(tx, queue))
        except DatabaseAway:
            self._away_at = self._clock()
            raise

    def hasten(self, deliveries: Sequence[str], events: Sequence[str]) -> None:
        """The bell could not be rung for these: the next sweep takes them up at once."""
        now = self._clock()
        for some in chunks(deliveries, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten(some, (), now))  # type: ignore[misc]
        for some in chunks(events, HASTE):
            self._database.transact(lambda tx, some=some: Outbox(tx).hasten((), some, now))  # type: ignore[misc]

    def _take(self, connection: Connection, queue: str) -> Overdue:
        now, outbox = self._clock(), Outbox(connection)
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
        outbox.queue([row.id for row in ready] + [one.id for one in carriers], now)
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
        folded = self._over_cap(facts, due, now)
        for (user, channel), until in folded.items():
            bundling.fold([one for one in due if (one.user, one.channel) == (user, channel)], until)
        bundles = bundled(without(due, folded))
        bundling.carry(bundles)
        return [bundle.carrier for bundle in bundles]

    def _over_cap(self, facts: Facts, due: Sequence[Held], now: datetime) -> dict[tuple[str, str], Verdict]:
        """For whom on which channel there is still no room under the cap, and the digest into which it folds."""
        leads = only_capped(due)
        users = {user for user, _ in leads}
        if not users:
            return {}
        rhythms, messages = facts.rhythms(users, self._catalogue.caps), facts.messages(users, now)
        found = {}
        for (user, channel), lead in leads.items():
            zone, rhythm = rhythms[user]
            recipient = Recipient(user, zone, rhythm=rhythm, messages=messages.get(user, {}))
            kind = self._catalogue.find(lead.type)
            if kind and (over := capped(kind, recipient, channel, now)):
                found[user, channel] = digested(kind, recipient, Cadence.DAILY, now, rule="cap", value=over.value)
        return found


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
