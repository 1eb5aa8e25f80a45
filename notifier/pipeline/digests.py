"""Digests: found when their hour has come, built by a worker, or sent, skipped and moved at somebody's word."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.look import events_of, told_no_more
from notifier.pipeline.tickets import BUILDS, chunks
from notifier.policy.bundles import Held, bundled
from notifier.policy.catalogue import Catalogue
from notifier.policy.queues import QUEUES
from notifier.policy.ranking import ranked
from notifier.policy.retry import Next
from notifier.policy.words import Reason
from notifier.store.building import DIGEST, Building, Unbuilt, due_digests
from notifier.store.bundling import Bundling
from notifier.store.database import Database, DatabaseAway
from notifier.store.ending import end
from notifier.store.facts import Facts
from notifier.store.freezing import Found, Freezing
from notifier.store.planning import Planned

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a digest has to say now: what stands, and what is told no more, with the reason."""

    stands: list[Found]
    ended: list[tuple[str, Next]]


class DigestBuilder:
    """Makes digests of what waits for them on these `channels`, of which some are `replacing` what they showed."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        channels: Collection[str],
        replacing: Collection[str],
        clock: Clock,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._channels = frozenset(channels)
        self._replacing = tuple(replacing)
        self._clock = clock

    def due(self) -> Iterator[list[str]]:
        """The digests whose hour has come and that nobody has built, in pages, the longest overdue first.

        Until somebody has built them they are found again: by the next tick, and by two at once.
        """
        return due_digests(self._database, self._clock())

    def build(self, ids: Sequence[str]) -> list[Planned]:
        """Build those of these digests that are due and that nobody has built; gives the messages that can go out.

        A few in one transaction: whoever dies in it has changed nothing. One that cannot be built stays due and is
        logged; it does not hold up the others.
        """
        return [one for some in chunks(ids, BUILDS) for one in self._build_some(some)]

    def _build_some(self, ids: Sequence[str]) -> list[Planned]:
        try:
            return self._build_all(ids)
        except DatabaseAway:
            raise
        except Exception:
            if len(ids) == 1:
                log.exception("digest %s cannot be built; it is kept and tried again", ids[0])
                return []
            return [one for digest in ids for one in self._build_some([digest])]

    def _build_all(self, ids: Sequence[str]) -> list[Planned]:
        def work(connection: Connection) -> list[Planned]:
            now = self._clock()
            return self.make(connection, Building(connection).due(ids, now), now)

        return self._database.transact(work)

    def make(
        self, connection: Connection, digests: Sequence[Unbuilt], now: datetime, *, at_once: bool = False
    ) -> list[Planned]:
        """Build locked digests in this transaction; gives their messages. One with nothing to tell ends empty."""
        building = Building(connection)
        building.adopt(digests)
        freezing = Freezing(connection, self._replacing)
        found = freezing.find([digest.id for digest in digests], {digest.user for digest in digests})
        told = self._told(connection, digests, found)
        bundles = bundled([_held(one) for each in told.values() for one in each.stands])
        Bundling(connection).carry_along(bundles)
        freezing.freeze(found, bundles, now)
        building.send([bundle.carrier.id for bundle in bundles], now if at_once else now + QUEUES[DIGEST].again)
        building.end({digest: [one.id for one in each.stands] for digest, each in told.items()}, now)
        end(connection, [one for each in told.values() for one in each.ended])
        return [Planned(bundle.carrier.id, bundle.carrier.channel, bundle.carrier.queue) for bundle in bundles]

    def _told(self, connection: Connection, digests: Sequence[Unbuilt], found: Sequence[Found]) -> dict[str, Told]:
        """Look again at what was found for these digests: much may have changed since it was planned."""
        events = events_of((one.told for one in found if one.told), self._catalogue)
        users = {digest.user for digest in digests}
        relations = Facts(connection).relations(users, events) if events else {}
        told = {digest.id: Told([], []) for digest in digests}
        for one in ranked(found, attrgetter("type"), attrgetter("newest"), self._catalogue):
            ended = told_no_more(one, relations.get(one.user, frozenset()), self._catalogue, self._channels)
            if ended is None:
                told[one.digest].stands.append(one)
            else:
                told[one.digest].ended.append((one.id, ended))
        return told


def _held(one: Found) -> Held:
    return Held(one.id, one.user, one.channel, one.address, one.type, one.queue, Reason.DIGEST, one.digest, one.carries)
