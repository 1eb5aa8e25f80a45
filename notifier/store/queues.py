"""How the queues stand: what waits in each, for how long, how fast it goes in and out, and who works on it.

Nothing here walks through a large table: every count stops at `MOST`, and rates look at the newest rows alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)

from notifier.policy.queues import QUEUES
from notifier.policy.words import State
from notifier.store.models import PAUSED, UNFINISHED, Attempt, Delivery
from notifier.store.models import Pause as ProviderPause
from notifier.store.pausing import Pause, Pauses
from notifier.store.types import id_at
from notifier.store.workers import Crew, Workers

MOST = 5_000  # rows of one count
NEWEST = 1_000  # rows of one rate
PROVIDERS = 20  # that are named
WINDOW = timedelta(minutes=5)  # of rates
SOON = timedelta(minutes=2)  # by then the timer of everything runs out that is queued or on its way


@dataclass(frozen=True, slots=True)
class QueueStands:
    """How one queue stands.

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
class ProviderWaits:
    """A relay or push service to which nothing goes until then (aware UTC), by its own word or since it failed us."""

    origin: str
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All queues, in the order in which workers serve them, the workers, and providers that let us wait.

    Each count stops at `most`, which then means that many or more.
    """

    queues: Sequence[QueueStands]
    crew: Crew
    providers: Sequence[ProviderWaits] = ()
    most: int = MOST

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

    def short(self, now: datetime, most: int | None = None) -> Standing:
        """How all queues and workers stand, without rates: for a page that shows much else."""
        pauses, most = Pauses(self._connection).all(), MOST if most is None else most
        counted: dict[tuple[str, str, str], _Counted] = {}
        for queue, part, state, count, oldest in self._connection.execute(
            _all_parts(), {"soon": now + SOON, "most": most}
        ):
            counted[queue, part, str(state)] = _Counted(count, oldest)
        queues = [_stands(name, counted, pauses) for name in QUEUES]
        return Standing(queues, Workers(self._connection).crew(now), self._providers(now), most)

    def whole(self, now: datetime) -> Standing:
        """The same with rates."""
        short = self.short(now)
        into, out = self._rates(_made(now), now), self._rates(_tried(now), now)
        queues = [replace(one, into=into.get(one.name, 0.0), out=out.get(one.name, 0.0)) for one in short.queues]
        return replace(short, queues=queues)

    def _providers(self, now: datetime) -> list[ProviderWaits]:
        waits = select(ProviderPause).where(ProviderPause.until > now).order_by(ProviderPause.until.desc())
        rows = self._connection.execute(waits.limit(PROVIDERS))
        return [ProviderWaits(row.origin, row.until, row.why) for row in rows]

    def _rates(self, rows: Select[*tuple[Any, ...]], now: datetime) -> Mapping[str, float]:
        """How many a minute, by queue: of the newest rows within the window, over the time that they span."""
        some = rows.limit(NEWEST).subquery()
        goes = func.sum(case((some.c.goes, 1), else_=0))
        query = select(some.c.queue, func.count(), goes, func.min(some.c.at)).group_by(some.c.queue)
        found = self._connection.execute(query).all()
        is_whole = sum(count for _, count, _, _ in found) < NEWEST
        span = WINDOW if is_whole else max(now - min(at for _, _, _, at in found), timedelta(seconds=1))
        return {queue: going * 60 / span.total_seconds() for queue, _, going, _ in found}


def _stands(name: str, counted: Mapping[tuple[str, str, str], _Counted], pauses: Mapping[str, Pause]) -> QueueStands:
    def found(part: str, state: State) -> _Counted:
        return counted.get((name, part, state), NOTHING)

    held, queued = found("held", State.WAITING), found("near", State.QUEUED)
    return QueueStands(
        name,
        queued=queued.count,
        sending=found("near", State.SENDING).count,
        held=held.count,
        later=found("near", State.WAITING).count + found("later", State.WAITING).count,
        oldest_at=min((one.oldest_at for one in (queued, held) if one.oldest_at), default=None),
        pause=pauses.get(name),
    )


@lru_cache(maxsize=1)
def _all_parts() -> CompoundSelect[*tuple[Any, ...]]:
    """All parts of all queues, each by state. One statement, made once: the first page asks much else."""
    soon, most = bindparam("soon", type_=Delivery.due_at.type), bindparam("most", type_=Integer)
    parts = [(name, *part) for name in QUEUES for part in _parts_of(name, soon)]
    return union_all(*(_part(name, part, rows.limit(most)) for name, part, rows in parts))


def _parts_of(name: str, soon: ColumnElement[datetime]) -> Iterator[tuple[str, Select[*tuple[Any, ...]]]]:
    waits = UNFINISHED, Delivery.queue == name
    rows = select(Delivery.state, Delivery.wanted_at)
    # Queued or on its way, or to wait for a moment very near.
    yield "near", rows.where(*waits, Delivery.due_at <= soon).order_by(Delivery.due_at)
    yield "held", rows.where(PAUSED, Delivery.queue == name).order_by(Delivery.id)
    # It waits for a moment to come, counted in the index alone; what waits for a digest is counted with the digests.
    waiting, never = literal(State.WAITING, Delivery.state.type), cast(null(), Delivery.wanted_at.type)
    yield "later", select(waiting.label("state"), never.label("wanted_at")).where(*waits, Delivery.due_at > soon)


def _part(name: str, part: str, rows: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    some = rows.subquery()
    columns = some.c.state, func.count(), func.min(some.c.wanted_at)
    return select(literal(name), literal(part), *columns).group_by(some.c.state)


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
