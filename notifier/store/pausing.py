"""Paused queues: which they are, and what waits in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update

from notifier.policy.queues import QUEUES
from notifier.policy.words import Reason, State
from notifier.store.models import PAUSED, Delivery, QueuePause
from notifier.store.outbox import SWEEP
from notifier.store.sql import AnyRow, insert, locked

_QUEUE: BindParameter[Any] = bindparam("queue")
# Asked for every queue every second, so it is one statement and made once.
_STANDS = select(
    select(QueuePause.queue).where(QueuePause.queue == _QUEUE).exists().label("is_paused"),
    select(Delivery.id).where(PAUSED, Delivery.queue == _QUEUE).exists().label("holds"),
)
# In the driver's own SQL, see `Database.ask`: whether a queue that is not paused holds anything.
RESUMED = " UNION ALL ".join(
    f"SELECT 1 FROM deliveries WHERE queue = '{queue}' AND {PAUSED.text}"  # noqa: S608 (our own names)
    f" AND NOT EXISTS (SELECT 1 FROM queue_pauses WHERE queue = '{queue}')"
    for queue in QUEUES
)


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue that is paused: since when (aware UTC), by whom and why."""

    queue: str
    at: datetime
    by: str
    why: str

    @property
    def sentence(self) -> str:
        """Why its deliveries wait."""
        return f"The queue {self.queue} is paused since {self.at:%F %H:%M} UTC: {self.why.rstrip('.')}."


class Pauses:
    """All paused queues, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, Pause]:
        """The queues that are paused."""
        rows = self._connection.execute(select(QueuePause))
        return {row.queue: Pause(row.queue, row.paused_at, row.paused_by, row.why) for row in rows}

    def stands(self, queue: str) -> tuple[bool, bool]:
        """Whether the queue is paused, and whether it holds anything for when it goes on."""
        row = self._connection.execute(_STANDS, {"queue": queue}).one()
        return bool(row.is_paused), bool(row.holds)

    def pause(self, pause: Pause) -> bool:
        """Pause the queue; False where it was paused already, which then stays as it is."""
        row = insert(self._connection, QueuePause).values(
            queue=pause.queue, paused_at=pause.at, paused_by=pause.by, why=pause.why
        )
        made = row.on_conflict_do_nothing().returning(QueuePause.queue)
        return self._connection.execute(made).first() is not None

    def resume(self, queue: str) -> bool:
        """Let the queue go on; False where it was not paused."""
        return self._connection.execute(delete(QueuePause).where(QueuePause.queue == queue)).rowcount == 1

    def keep(self, ids: Sequence[str]) -> None:
        """Let those of these deliveries wait that are ready to be claimed and whose queue is paused."""
        paused = list(self._connection.scalars(select(QueuePause.queue)))
        if not paused:
            return
        query = select(Delivery.id).where(
            Delivery.id.in_(ids), Delivery.state == State.QUEUED, Delivery.queue.in_(paused)
        )
        self.hold(list(self._connection.scalars(locked(self._connection, query.order_by(Delivery.id), Delivery))))

    def hold(self, ids: Collection[str]) -> None:
        """Let these unfinished deliveries, which are locked, wait without a timer until their queue goes on."""
        if ids:
            waits = {"state": State.WAITING, "reason": Reason.PAUSED, "due_at": None, "claim_token": None}
            self._connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(waits))

    def held(self, queue: str) -> list[AnyRow]:
        """Lock what a queue that goes on has held, the oldest first, as (id, channel, queue)."""
        query = select(Delivery.id, Delivery.channel, Delivery.queue).where(PAUSED, Delivery.queue == queue)
        query = query.order_by(Delivery.id).limit(SWEEP)
        return list(self._connection.execute(locked(self._connection, query, Delivery)))
