"""What waits for the picture of a post: let go as soon as there is nothing to wait for any more."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, select

from notifier.policy.media import UNMADE, AssetState
from notifier.policy.pictures import Patience
from notifier.policy.queues import QUEUES
from notifier.policy.words import Reason, State
from notifier.store.models import UNFINISHED, Asset, Delivery, Event, PostMedia, Rendition
from notifier.store.outbox import Outbox
from notifier.store.planning import Planned
from notifier.store.sql import locked, locked_all
from notifier.store.types import id_at

FOUND = 50_000  # ids at once: the index is walked through anew for the next
TOGETHER = 1_000  # let go in one transaction: some tens of milliseconds
EVENTS = 500  # that show one asset and wait for it at the same time
_AWAITS = and_(Delivery.state == State.WAITING, Delivery.reason == Reason.RENDITION)


class Awaiting:
    """Lets deliveries go that wait for pictures, in one transaction of the given connection.

    They are found by the moment until which they wait: the index of what is due leads to it, however many others wait.
    """

    def __init__(self, connection: Connection, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience

    def over(self, asset: str, moments: Sequence[datetime]) -> list[str]:
        """Deliveries that wait until one of these moments for this asset, of which nothing is to come; else none.

        Of very many some: let them go and ask again.
        """
        if not moments or not self.settled([asset]):
            return []
        query = select(Delivery.id).where(
            UNFINISHED,
            Delivery.queue.in_(QUEUES),
            Delivery.due_at.in_(moments),
            _AWAITS,
            Delivery.value.startswith(asset, autoescape=True),
        )
        return list(self._connection.scalars(query.limit(FOUND)))

    def let_go(self, ids: Sequence[str], now: datetime) -> list[Planned]:
        """Let those of these go out that wait for a picture still; gives which."""
        if not ids:
            return []
        query = select(Delivery.id, Delivery.channel, Delivery.queue).where(Delivery.id.in_(ids), _AWAITS)
        rows = self._connection.execute(locked(self._connection, query.order_by(Delivery.id), Delivery)).all()
        Outbox(self._connection).queue([row.id for row in rows], now, early=True)
        return [Planned(row.id, row.channel, row.queue) for row in rows]

    def settled(self, assets: Collection[str]) -> set[str]:
        """Those of these of which nothing is to come any more; they stay so until this transaction ends."""
        ids = sorted(set(assets))
        locking = locked_all(
            self._connection, select(Asset.id, Asset.state).where(Asset.id.in_(ids)).order_by(Asset.id)
        )
        fetched = {row.id: row.state for row in self._connection.execute(locking)}
        unmade = select(Rendition.asset_id).where(Rendition.asset_id.in_(ids), Rendition.state.in_(UNMADE))
        waits = {id_ for id_, state in fetched.items() if state == AssetState.WAITING}
        return set(ids) - waits - set(self._connection.scalars(unmade))

    def moments(self, asset: str, now: datetime) -> list[datetime]:
        """Until when deliveries may wait that tell of what shows it, as far as that is still to come."""
        since = now - self._patience.longest
        query = (
            select(Event.accepted_at)
            .join(PostMedia, PostMedia.event_id == Event.id)
            .where(PostMedia.asset_id == asset, PostMedia.event_id >= id_at("evt", since))
            .order_by(Event.id.desc())
            .limit(EVENTS)
        )
        accepted = self._connection.scalars(query)
        return sorted({at for each in accepted for at in self._patience.moments(each) if at > now})
