"""One transaction of the plan: what is unplanned, what decides about its recipients, and what was decided."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from notifier.policy.decide import Plan
from notifier.policy.events import Event as Happening
from notifier.policy.waves import NAMED, Audience
from notifier.store import changes
from notifier.store.bulk import insert_rows
from notifier.store.digests import DigestKey, Digests
from notifier.store.joining import Joining, Told
from notifier.store.models import Delivery, Event, Notification, NotificationEvent, Tally
from notifier.store.rows import audience_of, happening
from notifier.store.sql import insert, locked, spanning
from notifier.store.types import new_id

FINAL = ("sent", "skipped", "cancelled", "failed", "bounced")


@dataclass(frozen=True, slots=True)
class Unplanned:
    """An event whose recipients from `cursor` on have not been planned yet; of the followers those after `after`.

    With `undone` it was taken back before all of them were. Of an audience that is walked `after` is the last one who
    was looked at for the wave that is under way.
    """

    event: Happening
    cursor: int
    after: str = ""
    undone: bool = False
    audience: Audience = NAMED


@dataclass(frozen=True, slots=True)
class Planned:
    """A stored delivery that can go out at once."""

    id: str
    channel: str
    queue: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an event's plan has come; with `planned_at` it is finished. The next to be told are those of `wave`."""

    event: str
    cursor: int
    after: str
    planned_at: datetime | None
    wave: datetime | None = None


class Planning:
    """The store's side of one plan transaction. `again` is per queue when an unanswered bell is rung again."""

    def __init__(self, connection: Connection, now: datetime, again: Mapping[str, datetime]) -> None:
        self._connection = connection
        self._now = now
        self._again = again

    def unplanned(self, event_ids: Sequence[str], most: int) -> list[Unplanned]:
        """Those of these events that nobody has planned or is planning, oldest first.

        Without those whose next wave is still to come; what was taken back waits for no wave.
        """
        come = or_(Event.wave_at.is_(None), Event.wave_at <= self._now, Event.undone_by.is_not(None))
        query = select(Event).where(Event.id.in_(event_ids), Event.planned_at.is_(None), come)
        query = query.order_by(Event.id).limit(most)
        rows = self._connection.execute(locked(self._connection, query, Event)).all()
        return [
            Unplanned(happening(row), row.plan_cursor, row.plan_after, bool(row.undone_by), audience_of(row))
            for row in rows
        ]

    def store(self, told: Sequence[Told], progress: Sequence[Progress]) -> list[Planned]:
        """Store what was decided and how far that goes; gives the deliveries that can go out now."""
        alone = self._alone([one for one in told if not one.joins])
        joining = Joining(self._connection, self._now)
        made = alone + joining.join([one for one in told if one.joins])
        wanted = ((one.user, plan.channel, plan.digest) for one, plan, _, _ in made if plan.digest)
        digests = Digests(self._connection).open(wanted, self._now)
        rows = [self._delivery(one, plan, notification, round_, digests) for one, plan, notification, round_ in made]
        tally(self._connection, (row["channel"] for row in rows), self._now)
        # From here to the commit other outcomes wait: only what bears the number comes now.
        number = self._number(rows, progress)
        insert_rows(self._connection, Delivery, _numbered(rows, number))
        for each in progress:
            self._advance(each, number)
        return [Planned(row["id"], row["channel"], row["queue"]) for row in rows if row["state"] == "queued"]

    def _number(self, rows: Sequence[Mapping[str, Any]], progress: Sequence[Progress]) -> int | None:
        if any(each.planned_at for each in progress) or any(row["state"] in FINAL for row in rows):
            return changes.number(self._connection)
        return None

    def _advance(self, progress: Progress, number: int | None) -> None:
        # A large plan takes many transactions: its bell is rung again only where nobody goes on with it. Nobody need
        # go on before the next wave.
        rests = progress.wave is not None and progress.wave > self._now
        self._connection.execute(
            update(Event)
            .where(Event.id == progress.event)
            .values(
                plan_cursor=progress.cursor,
                plan_after=progress.after,
                planned_at=progress.planned_at,
                due_at=progress.wave if rests else self._again["default"],
                wave_at=progress.wave,
                change=number if progress.planned_at else None,
            )
        )

    def _alone(self, told: Sequence[Told]) -> list[tuple[Told, Plan, str, int]]:
        """Store notifications that nothing joins; gives the deliveries to make, with notification and round."""
        before = self._told_before(told)
        fresh = [(one, new_id("ntf")) for one in told if (one.event.id, one.user) not in before]
        insert_rows(
            self._connection,
            NotificationEvent,
            [
                {
                    "event_id": one.event.id,
                    "user_id": one.user,
                    "notification_id": notification,
                    "round": 1,
                    "undone_at": self._now if one.undone else None,
                }
                for one, notification in fresh
            ],
        )
        insert_rows(
            self._connection, Notification, [self._notification(one, notification) for one, notification in fresh]
        )
        return [(one, plan, notification, 1) for one, notification in fresh for plan in one.plans]

    def _told_before(self, told: Sequence[Told]) -> set[tuple[str, str]]:
        """Which of these (event, person) are planned already. Nobody else plans these events meanwhile."""
        if not told:
            return set()
        users = sorted({one.user for one in told})
        # A range of the key besides: PostgreSQL would read all of a large event for each chunk of it.
        rows = self._connection.execute(
            select(NotificationEvent.event_id, NotificationEvent.user_id).where(
                NotificationEvent.event_id.in_(sorted({one.event.id for one in told})),
                spanning(self._connection, NotificationEvent.user_id, users),
            )
        )
        return {(event, user) for event, user in rows}

    def _notification(self, one: Told, notification: str) -> dict[str, Any]:
        stands = any(plan.state == "sent" for plan in one.plans)
        return {
            "id": notification,
            "user_id": one.user,
            "type": one.event.type,
            "fold": one.fold,
            "opened_at": self._now,
            "ended_at": self._now,
            "round": 1,
            "total": 1,
            "feed_at": self._now if stands else None,
            "changed_at": self._now,
            "undone_at": self._now if one.undone else None,
        }

    def _delivery(
        self, one: Told, plan: Plan, notification: str, round_: int, digests: Mapping[DigestKey, str]
    ) -> dict[str, Any]:
        queued, digest = plan.state == "queued", plan.digest
        return {
            "id": new_id("dlv"),
            "notification_id": notification,
            "app_id": one.event.app,
            "user_id": one.user,
            "type": one.event.type,
            "channel": plan.channel,
            "address_id": plan.address,
            "queue": plan.queue,
            "state": plan.state,
            "reason": plan.reason,
            "rule": plan.rule,
            "value": plan.value,
            "digest_id": digests[one.user, plan.channel, digest.cadence] if digest else None,
            "due_at": self._again[plan.queue] if queued else None if digest else plan.due_at,
            "wanted_at": plan.due_at or self._now,
            "first_round": round_,
            "tries": 0,
            "last_code": "",
            "created_at": self._now,
            "sent_at": self._now if plan.state == "sent" else None,
        }


def _numbered(rows: Sequence[dict[str, Any]], number: int | None) -> list[dict[str, Any]]:
    return [row | {"change": number if row["state"] in FINAL else None} for row in rows]


def tally(connection: Connection, channels: Iterable[str], now: datetime) -> None:
    """Count planned deliveries, one for each channel named, in the transaction that stores them."""
    day = now.date().isoformat()
    counted = sorted(Counter(channels).items())
    if not counted:
        return
    rows = insert(connection, Tally).values(
        [{"day": day, "channel": name, "planned": count} for name, count in counted]
    )
    connection.execute(
        rows.on_conflict_do_update(
            index_elements=["day", "channel"], set_={"planned": Tally.planned + rows.excluded.planned}
        )
    )
