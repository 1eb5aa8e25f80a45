"""The outbox: what came of each try, and what must be rung again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, case, select, update
from sqlalchemy.orm import aliased

from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next
from notifier.policy.words import FINAL, HELD, State
from notifier.store import changes
from notifier.store.ending import release
from notifier.store.models import UNFINISHED, Address, Attempt, Delivery, Event, Pause
from notifier.store.sql import AnyRow, insert, locked, locked_all
from notifier.store.types import new_id

SWEEP = 2_000  # rows of one sweep and queue: a short transaction
# In the driver's own SQL, see `Database.ask`; given the moment, twice.
_NAMES = ", ".join(f"'{queue}'" for queue in QUEUES)
OVERDUE = f"""
SELECT 1 FROM deliveries WHERE {UNFINISHED.text} AND queue IN ({_NAMES}) AND due_at <= ?
UNION ALL SELECT 1 FROM events WHERE planned_at IS NULL AND due_at <= ?"""  # noqa: S608 (our own names)


@dataclass(frozen=True, slots=True)
class Try:
    """One try as it is recorded, and what becomes of its delivery, and of those that it `carries`.

    `started_at` is aware UTC.
    """

    delivery: str
    started_at: datetime
    ms: int
    outcome: str
    code: str
    text: str
    next: Next
    carries: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What was decided about a claimed delivery without a try; without `next` it goes out.

    `leaving` are those of the deliveries it carries that end for a reason of their own; with `carries` there are more.
    """

    delivery: str
    next: Next | None
    leaving: Sequence[tuple[str, Next]] = ()
    carries: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """One claimed delivery, what becomes of it, and the provider's code."""

    delivery: str
    next: Next
    code: str = ""
    carries: bool = False


class Outbox:
    """The store's side of sending, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._change: int | None = None

    def renew(self, ids: Sequence[str], token: str, due_at: datetime) -> None:
        """Keep the claims of this token while its chunk is under way."""
        self._connection.execute(self._claimed(ids, token).values(due_at=due_at))

    def note(self, tries: Sequence[Try], worker: str) -> None:
        """Store tries, whatever follows from them."""
        rows = [
            {
                "id": new_id("att"),
                "delivery_id": one.delivery,
                "started_at": one.started_at,
                "ms": one.ms,
                "outcome": one.outcome,
                "code": _storable(one.code, 32),
                "text": _storable(one.text, 512),
                "worker": worker,
            }
            for one in tries
        ]
        self._connection.execute(insert(self._connection, Attempt), rows)

    def follow(self, tries: Sequence[Try], token: str, now: datetime) -> None:
        """Store what follows from tries; a claim that was lost meanwhile is not ours to change.

        What a delivery carried shares its end. Comes last in its transaction: until the commit other outcomes wait.
        """
        steps = [_Step(one.delivery, one.next, one.code, one.carries) for one in tries]
        ended = [step.delivery for step in steps if step.carries and step.next.state in FINAL]
        self._step(steps, token, now)
        if ended:
            self._share_end(ended)

    def record(self, tries: Sequence[Try], token: str, *, now: datetime, worker: str) -> None:
        """Store tries and what follows. A claim that was lost meanwhile keeps its attempt, not its state."""
        self.note(tries, worker)
        self.follow(tries, token, now)

    def settle(self, decided: Sequence[Settled], token: str, now: datetime) -> None:
        """Store what was decided about claimed deliveries without a try.

        What one carries and what does not end with it is due by itself again, where that one ends.
        """
        steps = [_Step(one.delivery, one.next, carries=one.carries) for one in decided if one.next]
        leaving = [(one.delivery, part, next_) for one in decided for part, next_ in one.leaving]
        self._lock_carried([carrier for carrier, _, _ in leaving])
        self._step(steps, token, now)
        if leaving:
            self._leave(leaving)
        ended = [step.delivery for step in steps if step.carries and step.next.state in FINAL]
        if ended:
            release(self._connection, self._ended(ended), now)

    def release(self, ids: Sequence[str], token: str, now: datetime) -> None:
        """Give back what was claimed and not tried; the sweep rings for it at once."""
        self._connection.execute(self._claimed(ids, token).values(state=State.QUEUED, due_at=now, claim_token=None))

    def touch(self, addresses: Iterable[str], now: datetime) -> None:
        """Remember that these addresses took a message."""
        ids = sorted(set(addresses))
        self._connection.execute(update(Address).where(Address.id.in_(ids)).values(last_sent_at=now))

    def retire(self, address: str, value: str, *, why: str, now: datetime) -> None:
        """Nothing is sent to this address again; one that its person changed to another value meanwhile stays."""
        self._connection.execute(
            update(Address)
            .where(Address.id == address, Address.value == value, Address.gone_at.is_(None))
            .values(gone_at=now, gone_why=_storable(why, 255))
        )

    def pause(self, origin: str, until: datetime, why: str) -> None:
        """Let everything for that origin wait; an earlier, longer pause stays."""
        pause = insert(self._connection, Pause).values(origin=origin, until=until, why=_storable(why, 512))
        self._connection.execute(
            pause.on_conflict_do_update(
                index_elements=["origin"],
                set_={"until": pause.excluded.until, "why": pause.excluded.why},
                where=Pause.until < pause.excluded.until,
            )
        )

    def pauses(self, now: datetime) -> dict[str, datetime]:
        """The origins that wait, and until when."""
        rows = self._connection.execute(select(Pause.origin, Pause.until).where(Pause.until > now))
        return {row.origin: row.until for row in rows}

    def overdue_events(
        self, now: datetime, again: timedelta, *, types: Sequence[str] | None = None, but: Sequence[str] = ()
    ) -> list[str]:
        """Events whose plan is overdue, of these types or of all `but` some; asked for again only after `again`."""
        query = select(Event.id).where(Event.planned_at.is_(None), Event.due_at <= now)
        query = query.where(Event.type.not_in(but) if types is None else Event.type.in_(types))
        query = query.order_by(Event.due_at).limit(SWEEP)
        ids = list(self._connection.scalars(locked(self._connection, query, Event)))
        if ids:
            self._connection.execute(update(Event).where(Event.id.in_(ids)).values(due_at=now + again))
        return ids

    def overdue(self, now: datetime, queue: str) -> list[AnyRow]:
        """Unfinished deliveries of a queue whose timer has run out, not locked yet, as (id, user_id, held)."""
        held = and_(Delivery.state == State.WAITING, Delivery.reason.in_(HELD))
        query = (
            select(Delivery.id, Delivery.user_id, held.label("held"))
            .where(UNFINISHED, Delivery.queue == queue, Delivery.due_at <= now)
            .order_by(Delivery.due_at)
            .limit(SWEEP)
        )
        return list(self._connection.execute(query))

    def take_overdue(self, ids: Sequence[str], now: datetime, *, lost: bool = True) -> list[AnyRow]:
        """Lock those of these that are overdue still; without the `lost`, none that is claimed.

        As (id, state, queue, tries, type, channel, claim_token).
        """
        if not ids:
            return []
        columns = (Delivery.id, Delivery.state, Delivery.queue, Delivery.tries, Delivery.type, Delivery.channel)
        query = (
            select(*columns, Delivery.claim_token)
            .where(Delivery.id.in_(ids), UNFINISHED, Delivery.due_at <= now)
            .order_by(Delivery.due_at)
        )
        if not lost:
            query = query.where(Delivery.state != State.SENDING)
        return list(self._connection.execute(locked(self._connection, query, Delivery)))

    def queue(self, ids: Sequence[str], now: datetime, *, early: bool = False) -> None:
        """Make these deliveries ready to be claimed; their bell is rung again if nobody comes.

        What goes out `early` is wanted now rather than when it was to be.
        """
        if not ids:
            return
        wanted = {"wanted_at": now} if early else {}
        again = case({queue.name: now + queue.again for queue in QUEUES.values()}, value=Delivery.queue)
        self._connection.execute(
            update(Delivery)
            .where(Delivery.id.in_(ids))
            .values(state=State.QUEUED, reason=None, due_at=again, claim_token=None, **wanted)
        )

    def hasten(self, deliveries: Sequence[str], events: Sequence[str], now: datetime) -> None:
        """Make these overdue at once, because nobody could be rung for them."""
        self._connection.execute(
            update(Delivery).where(Delivery.id.in_(deliveries), Delivery.state == State.QUEUED).values(due_at=now)
        )
        self._connection.execute(
            update(Event).where(Event.id.in_(events), Event.planned_at.is_(None)).values(due_at=now)
        )

    def _claimed(self, ids: Sequence[str], token: str) -> Update:
        # By their ids: no index leads from a token to its deliveries, and a large table takes long to walk through.
        return update(Delivery).where(
            Delivery.id.in_(ids), Delivery.claim_token == token, Delivery.state == State.SENDING
        )

    def _step(self, steps: Sequence[_Step], token: str, now: datetime) -> None:
        if not steps:
            return
        self._lock_carried([step.delivery for step in steps if step.carries])
        alike: dict[tuple[Next, str], list[str]] = {}
        for step in steps:
            alike.setdefault((step.next, _storable(step.code, 32)), []).append(step.delivery)
        # Most come to the same; to prepare one row takes longer than to change it.
        for (next_, code), deliveries in alike.items():
            if len(deliveries) > 1:
                columns = self._came_to(next_, code, now)
                columns["tries"] = Delivery.tries + columns["tries"]
                self._connection.execute(self._claimed(deliveries, token).values(**columns))
        self._each(
            {ids[0]: self._came_to(next_, code, now) for (next_, code), ids in alike.items() if len(ids) == 1}, token
        )
        moved = [step.delivery for step in steps if step.carries and step.next.wanted_at]
        if moved:
            self._move_carried(moved)

    def _each(self, values: Mapping[str, Mapping[str, Any]], token: str) -> None:
        """Change each of these claimed deliveries in its own way; what changes the same columns is one statement."""
        together: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for delivery, columns in values.items():
            row = {f"to_{name}": value for name, value in columns.items()} | {"delivery": delivery}
            together.setdefault(tuple(columns), []).append(row)
        for names, rows in together.items():
            given: dict[str, Any] = {name: bindparam(f"to_{name}") for name in names if name != "tries"}
            guarded = update(Delivery).where(
                Delivery.id == bindparam("delivery"), Delivery.claim_token == token, Delivery.state == State.SENDING
            )
            changed = guarded.values(**given, tries=Delivery.tries + bindparam("to_tries"))
            self._connection.execute(changed, rows)

    def _came_to(self, next_: Next, code: str, now: datetime) -> dict[str, Any]:
        """The columns after a try or a decision; of `tries` only what is added."""
        sent_at = now if next_.state == State.SENT else None
        done = {"tries": int(next_.charged), "last_code": code, "sent_at": sent_at, "claim_token": None}
        return self._next(next_) | done

    def _next(self, next_: Next) -> dict[str, Any]:
        decided = {"rule": next_.rule, "value": next_.value} if next_.rule else {}
        wanted = {"wanted_at": next_.wanted_at} if next_.wanted_at else {}
        final = {"change": self._number()} if next_.state in FINAL else {}
        return {"state": next_.state, "reason": next_.reason, "due_at": next_.due_at, **decided, **wanted, **final}

    def _number(self) -> int:
        """The number of this transaction's outcomes, the same for all of them."""
        if self._change is None:
            self._change = changes.number(self._connection)
        return self._change

    def _lock_carried(self, carriers: Sequence[str]) -> None:
        """Lock what these carry before the number is taken, in the order in which whoever cancels does."""
        if carriers and self._connection.dialect.name == "postgresql":
            query = select(Delivery.id).where(Delivery.carried_by.in_(carriers)).order_by(Delivery.id)
            self._connection.execute(locked_all(self._connection, query)).all()

    def _leave(self, leaving: Sequence[tuple[str, str, Next]]) -> None:
        """End deliveries that were to be told in the message of another; that they were stays on record."""
        for carrier, part, next_ in leaving:
            self._connection.execute(
                update(Delivery)
                .where(Delivery.id == part, Delivery.carried_by == carrier, Delivery.state == State.WAITING)
                .values(**self._next(next_))
            )

    def _ended(self, deliveries: Sequence[str]) -> list[str]:
        """Those of these that ended in this transaction."""
        return list(
            self._connection.scalars(
                select(Delivery.id).where(Delivery.id.in_(deliveries), Delivery.change == self._number())
            )
        )

    def _share_end(self, carriers: Sequence[str]) -> None:
        carrier = aliased(Delivery)
        self._connection.execute(
            update(Delivery)
            .where(
                Delivery.carried_by == carrier.id,
                carrier.id.in_(carriers),
                carrier.change == self._number(),
                Delivery.state == State.WAITING,
            )
            .values(state=carrier.state, reason=carrier.reason, sent_at=carrier.sent_at, change=carrier.change)
        )

    def _move_carried(self, carriers: Sequence[str]) -> None:
        """They go out when their carrier does, and are worth as long from then on."""
        carrier = aliased(Delivery)
        self._connection.execute(
            update(Delivery)
            .where(Delivery.carried_by == carrier.id, carrier.id.in_(carriers), Delivery.state == State.WAITING)
            .values(wanted_at=carrier.wanted_at)
        )


def _storable(text: str, most: int) -> str:
    """What a provider said, without what PostgreSQL cannot store: NUL, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:most]
