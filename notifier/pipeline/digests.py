"""Digests: taken when their hour has come, built by a worker, or sent, skipped and moved at somebody's word."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from notifier.pipeline import Clock
from notifier.pipeline.look import Relations, Seen, events_of, part
from notifier.policy.bundles import Held, bundled
from notifier.policy.catalogue import Catalogue
from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next
from notifier.policy.words import Reason
from notifier.store.building import DIGEST, TAKEN, Building, Unbuilt
from notifier.store.bundling import Bundling
from notifier.store.claims import Claimed, Claims
from notifier.store.database import Database, DatabaseAway
from notifier.store.ending import end
from notifier.store.facts import Facts
from notifier.store.planning import Planned

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a digest has to say now: what stands, and what is told no more, with the reason."""

    stands: Sequence[Claimed]
    ended: Sequence[tuple[str, Next]]


class DigestBuilder:
    """Makes digests of what waits for them. `channels` says of each whether its messages are perishable."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        channels: Mapping[str, bool],
        replacing: Collection[str],
        clock: Clock,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._channels = channels
        self._replacing = tuple(replacing)
        self._clock = clock

    def take(self, ring: Callable[[Sequence[str]], Sequence[str]]) -> int:
        """Take all digests whose hour has come, and ring for them in portions; gives how many they were.

        `ring` gives those that nobody was told of: the next tick takes them again.
        """
        taken, some = 0, TAKEN
        while some == TAKEN:
            now = self._clock()
            ids = self._database.transact(lambda tx, now=now: Building(tx).take(now, now + QUEUES[DIGEST].again))  # type: ignore[misc]
            if unrung := ring(ids):
                self._database.transact(lambda tx, ids=unrung, now=now: Building(tx).hasten(ids, now))  # type: ignore[misc]
                return taken + len(ids)
            some = len(ids)
            taken += some
        return taken

    def build(self, ids: Sequence[str]) -> list[Planned]:
        """Build those of these digests that are due and that nobody has built; gives the messages that can go out.

        All in one transaction: whoever dies in it has changed nothing. One that cannot be built stays due and is
        logged; it does not hold up the others.
        """
        try:
            return self._build_all(ids)
        except DatabaseAway:
            raise
        except Exception:
            if len(ids) == 1:
                log.exception("digest %s cannot be built; it is kept and tried again", ids[0])
                return []
            return [one for digest in ids for one in self.build([digest])]

    def _build_all(self, ids: Sequence[str]) -> list[Planned]:
        return self._database.transact(lambda tx: self.make(tx, Building(tx).due(ids), self._clock()))

    def make(
        self, connection: Connection, digests: Sequence[Unbuilt], now: datetime, *, at_once: bool = False
    ) -> list[Planned]:
        """Build locked digests in this transaction; gives their messages. One with nothing to tell ends empty."""
        building = Building(connection)
        building.adopt(digests)
        told = self._told(connection, digests, now)
        stands = {digest: each.stands for digest, each in told.items()}
        bundles = bundled([_held(one, digest) for digest, ones in stands.items() for one in ones])
        Bundling(connection).carry(bundles)
        building.send([bundle.carrier.id for bundle in bundles], now if at_once else now + QUEUES[DIGEST].again)
        building.end({digest: [one.id for one in ones] for digest, ones in stands.items()}, now)
        end(connection, [one for each in told.values() for one in each.ended])
        return [Planned(bundle.carrier.id, bundle.carrier.channel, bundle.carrier.queue) for bundle in bundles]

    def _told(self, connection: Connection, digests: Sequence[Unbuilt], now: datetime) -> dict[str, Told]:
        """Freeze what waits for these digests, and look again at what may have changed since it was planned."""
        users = {digest.user for digest in digests}
        frozen = Claims(connection, self._replacing).freeze([digest.id for digest in digests], users, now)
        events = events_of((one for ones in frozen.values() for one in ones), self._catalogue)
        relations = Facts(connection).relations(users, events) if events else {}
        seen = Seen(self._channels, lambda _: None, now)
        return {digest: self._looked(ones, relations, seen) for digest, ones in frozen.items()}

    def _looked(self, frozen: Sequence[Claimed], relations: Mapping[str, Relations], seen: Seen) -> Told:
        stands: list[Claimed] = []
        gone: list[tuple[str, Next]] = []
        for one in frozen:
            item, ended = part(one.own, one, relations.get(one.user, frozenset()), self._catalogue, seen)
            if ended is None:
                stands.append(replace(one, own=item))
            else:
                gone.append((one.id, ended))
        return Told(self._ranked(stands), gone)

    def _ranked(self, told: Sequence[Claimed]) -> list[Claimed]:
        """What concerns the person most comes first, of that the newest."""
        return sorted(told, key=lambda one: one.own.told.events[-1].id, reverse=True)


def _held(one: Claimed, digest: str) -> Held:
    return Held(one.id, one.user, one.channel, one.address_id, one.own.type, one.queue, Reason.DIGEST, digest)
