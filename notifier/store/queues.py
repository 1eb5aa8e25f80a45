"""How the queues stand: what waits in each, for how long, how fast it goes in and out, and who works on it.

Nothing here walks through a large table: every count stops at `MOST`, and rates look at the newest rows alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, literal, select, true

from notifier.policy.queues import QUEUES
from notifier.policy.words import State
from notifier.store.models import PAUSED, UNFINISHED, Attempt, Delivery
from notifier.store.pausing import Pause, Pauses
from notifier.store.types import id_at
from notifier.store.workers import Crew, Workers

MOST = 5_000  # rows of one count
NEWEST = 1_000  # rows of one rate
WINDOW = timedelta(minutes=5)  # of rates
SOON = timedelta(minutes=2)  # by then the timer of everything runs out that is queued or on its way


@dataclass(frozen=True, slots=True)
class QueueStands:
    """How one queue stands. Each count stops at `MOST`, which then means that many or more.

    `queued` waits for a worker, `oldest_at` is when the oldest of it should have gone out (aware UTC), `sending` is on
    its way, `held` waits for the queue to go on, `later` has its time still to come. `into` and `out` are how many
    deliveries a minute were made and tried lately.
    """

    name: str
    queued: int = 0
    sending: int = 0
    held: int = 0
    later: int = 0
    oldest_at: datetime | None = None
    into: float = 0.0
    out: float = 0.0
    pause: Pause | None = None

    @property
    def depth(self) -> int:
        """All that could go out now."""
        return self.queued + self.held


@dataclass(frozen=True, slots=True)
class _Counted:
    """How many rows, and the earliest moment at which one of them should have gone out."""

    count: int = 0
    oldest_at: datetime | None = None


NOTHING = _Counted()


@dataclass(frozen=True, slots=True)
class Standing:
    """All queues, in the order in which workers serve them, and the workers."""

    queues: Sequence[QueueStands]
    crew: Crew

    @property
    def paused(self) -> list[Pause]:
        """The pauses, if any."""
        return [queue.pause for queue in self.queues if queue.pause]

    @property
    def unserved(self) -> list[str]:
        """Queues that no living worker serves."""
        return self.crew.unserved([queue.name for queue in self.queues])


class Queues:
    """Reads in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def short(self, now: datetime) -> Standing:
        """How all queues and workers stand, without rates: for a page that shows much else."""
        pauses = Pauses(self._connection).all()
        return Standing([self._stands(name, now, pauses) for name in QUEUES], Workers(self._connection).crew(now))

    def whole(self, now: datetime) -> Standing:
        """The same with rates."""
        short = self.short(now)
        into, out = self._rates(_made(now), now), self._rates(_tried(now), now)
        queues = [replace(one, into=into.get(one.name, 0.0), out=out.get(one.name, 0.0)) for one in short.queues]
        return replace(short, queues=queues)

    def _stands(self, name: str, now: datetime, pauses: Mapping[str, Pause]) -> QueueStands:
        near = self._counted(_near(name, now))
        held = self._counted(_held(name)).get(State.WAITING, NOTHING)
        queued, sending = near.get(State.QUEUED, NOTHING), near.get(State.SENDING, NOTHING)
        return QueueStands(
            name,
            queued=queued.count,
            sending=sending.count,
            held=held.count,
            later=near.get(State.WAITING, NOTHING).count + self._later(name, now),
            oldest_at=min((one.oldest_at for one in (queued, held) if one.oldest_at), default=None),
            pause=pauses.get(name),
        )

    def _counted(self, rows: Select[*tuple[Any, ...]]) -> Mapping[str, _Counted]:
        """The rows by state."""
        some = rows.limit(MOST).subquery()
        found = self._connection.execute(
            select(some.c.state, func.count(), func.min(some.c.wanted_at)).group_by(some.c.state)
        )
        return {str(state): _Counted(count, oldest) for state, count, oldest in found}

    def _later(self, name: str, now: datetime) -> int:
        """What waits for a moment to come; what waits for a digest is counted with the digests."""
        later = UNFINISHED, Delivery.queue == name, Delivery.due_at > now + SOON
        some = select(literal(1)).select_from(Delivery).where(*later).limit(MOST).subquery()
        return self._connection.scalar(select(func.count()).select_from(some)) or 0

    def _rates(self, rows: Select[*tuple[Any, ...]], now: datetime) -> Mapping[str, float]:
        """How many a minute, by queue: of the newest rows within the window, over the time that they span."""
        some = rows.limit(NEWEST).subquery()
        goes = func.sum(case((some.c.goes, 1), else_=0))
        query = select(some.c.queue, func.count(), goes, func.min(some.c.at)).group_by(some.c.queue)
        found = self._connection.execute(query).all()
        is_whole = sum(count for _, count, _, _ in found) < NEWEST
        span = WINDOW if is_whole else max(now - min(at for _, _, _, at in found), timedelta(seconds=1))
        return {queue: going * 60 / span.total_seconds() for queue, _, going, _ in found}


def _near(name: str, now: datetime) -> Select[*tuple[Any, ...]]:
    """What is queued or on its way, or waits for a moment very near."""
    near = UNFINISHED, Delivery.queue == name, Delivery.due_at <= now + SOON
    return select(Delivery.state, Delivery.wanted_at).where(*near).order_by(Delivery.due_at)


def _held(name: str) -> Select[*tuple[Any, ...]]:
    return select(Delivery.state, Delivery.wanted_at).where(PAUSED, Delivery.queue == name).order_by(Delivery.id)


def _made(now: datetime) -> Select[*tuple[Any, ...]]:
    """Deliveries made lately; what was skipped, or stands in a feed, goes nowhere."""
    goes = and_(Delivery.address_id.is_not(None), Delivery.state != State.SKIPPED)
    query = select(Delivery.queue, goes.label("goes"), Delivery.created_at.label("at"))
    return query.where(Delivery.id >= id_at("dlv", now - WINDOW)).order_by(Delivery.id.desc())


def _tried(now: datetime) -> Select[*tuple[Any, ...]]:
    """Tries made lately."""
    query = select(Delivery.queue, true().label("goes"), Attempt.started_at.label("at"))
    query = query.join(Delivery, Delivery.id == Attempt.delivery_id)
    return query.where(Attempt.id >= id_at("att", now - WINDOW)).order_by(Attempt.id.desc())
