"""The outbox: what came of each try, and what must be rung again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, bindparam, case, select, true, update

from notifier.policy.queues import QUEUES
from notifier.policy.retry import Next
from notifier.policy.words import State
from notifier.store.models import UNFINISHED, Address, Attempt, Delivery, Event, Pause
from notifier.store.sql import AnyRow, insert, locked
from notifier.store.types import new_id

SWEEP = 2_000  # rows of one sweep and queue: a short transaction


@dataclass(frozen=True, slots=True)
class Try:
    """One try as it is recorded, and what becomes of its delivery. `started_at` is aware UTC."""

    delivery: str
    started_at: datetime
    ms: int
    outcome: str
    code: str
    text: str
    next: Next


class Outbox:
    """The store's side of sending, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def renew(self, ids: Sequence[str], token: str, due_at: datetime) -> None:
        """Keep the claims of this token while its chunk is under way."""
        self._connection.execute(self._claimed(ids, token).values(due_at=due_at))

    def record(self, tries: Sequence[Try], token: str, *, now: datetime, worker: str) -> None:
        """Record tries and what follows. A claim that was lost meanwhile keeps its attempt, not its state."""
        self._connection.execute(
            insert(self._connection, Attempt),
            [
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
            ],
        )
        self._settle([(one.delivery, one.next, one.code, now) for one in tries], token)

    def settle(self, decided: Sequence[tuple[str, Next]], token: str, now: datetime) -> None:
        """Store what was decided about claimed deliveries without a try."""
        self._settle([(delivery, next_, "", now) for delivery, next_ in decided], token)

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

    def overdue_events(self, now: datetime, again: timedelta) -> list[str]:
        """Events whose plan is overdue; they are asked for again only after `again`."""
        query = (
            select(Event.id).where(Event.planned_at.is_(None), Event.due_at <= now).order_by(Event.due_at).limit(SWEEP)
        )
        ids = list(self._connection.scalars(locked(self._connection, query, Event)))
        if ids:
            self._connection.execute(update(Event).where(Event.id.in_(ids)).values(due_at=now + again))
        return ids

    def overdue_deliveries(self, now: datetime, queue: str, *, lost: bool = True) -> list[AnyRow]:
        """Unfinished deliveries of a queue whose timer has run out; without the `lost`, none that is claimed.

        As (id, state, queue, tries, type, channel, claim_token).
        """
        columns = (Delivery.id, Delivery.state, Delivery.queue, Delivery.tries, Delivery.type, Delivery.channel)
        query = (
            select(*columns, Delivery.claim_token)
            .where(UNFINISHED, Delivery.queue == queue, Delivery.due_at <= now)
            .where(true() if lost else Delivery.state != State.SENDING)
            .order_by(Delivery.due_at)
            .limit(SWEEP)
        )
        return list(self._connection.execute(locked(self._connection, query, Delivery)))

    def queue(self, ids: Sequence[str], now: datetime) -> None:
        """Make these deliveries ready to be claimed; their bell is rung again if nobody comes."""
        again = case({queue.name: now + queue.again for queue in QUEUES.values()}, value=Delivery.queue)
        self._connection.execute(
            update(Delivery)
            .where(Delivery.id.in_(ids))
            .values(state=State.QUEUED, reason=None, due_at=again, claim_token=None)
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

    def _settle(self, rows: Sequence[tuple[str, Next, str, datetime]], token: str) -> None:
        if not rows:
            return
        guarded = update(Delivery).where(
            Delivery.id == bindparam("delivery"), Delivery.claim_token == token, Delivery.state == State.SENDING
        )
        self._connection.execute(
            guarded.values(
                state=bindparam("next_state"),
                reason=bindparam("next_reason"),
                due_at=bindparam("next_due_at"),
                tries=Delivery.tries + bindparam("charged"),
                last_code=bindparam("code"),
                sent_at=bindparam("sent"),
                claim_token=None,
            ),
            [
                {
                    "delivery": delivery,
                    "next_state": next_.state,
                    "next_reason": next_.reason,
                    "next_due_at": next_.due_at,
                    "charged": int(next_.charged),
                    "code": _storable(code, 32),
                    "sent": now if next_.state == State.SENT else None,
                }
                for delivery, next_, code, now in rows
            ],
        )


def _storable(text: str, most: int) -> str:
    """What a provider said, without what PostgreSQL cannot store: NUL, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:most]
