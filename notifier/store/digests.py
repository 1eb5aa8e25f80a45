"""People's digests: opened by what waits for them, and moved when their people want them at another time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy import Connection, select, update

from notifier.policy import decide
from notifier.policy.calendar import Slot, moved_slot
from notifier.policy.decide import Recipient, digest_words, fresh_slot
from notifier.policy.words import Cadence, State
from notifier.store.models import IS_OPEN, OPEN, Delivery, Digest
from notifier.store.sql import AnyRow, among, insert
from notifier.store.types import new_id

# What was used up longer ago is no date of today in any zone, nor of the evening before.
USED = timedelta(days=2)

DigestKey: TypeAlias = tuple[str, str, Cadence]  # person, channel, cadence


class Digests:
    """Digests in the transaction of the given connection. Whoever opens or moves them has locked the people."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, users: Collection[str], now: datetime) -> dict[str, decide.Digests]:
        """The digests of each of these people that have any."""
        if not users:
            return {}
        opened: dict[str, dict[tuple[str, Cadence], Slot]] = {}
        for row in self._open(users):
            opened.setdefault(row.user_id, {})[row.channel, Cadence(row.cadence)] = _slot(row)
        used: dict[str, dict[tuple[str, Cadence], frozenset[str]]] = {}
        for user, channel, cadence, period in self._used(users, now):
            periods = used.setdefault(user, {})
            periods[channel, Cadence(cadence)] = periods.get((channel, Cadence(cadence)), frozenset()) | {period}
        return {user: decide.Digests(opened.get(user, {}), used.get(user, {})) for user in opened.keys() | used.keys()}

    def open(self, wanted: Iterable[tuple[str, str, Slot]], now: datetime) -> dict[DigestKey, str]:
        """Open these digests, as (person, channel, slot), where they are not open yet; the ids of all."""
        slots = {(user, channel, slot.cadence): slot for user, channel, slot in wanted}
        found = {key: slot.id for key, slot in slots.items() if slot.id}
        rows = [_row(key, slot, now) for key, slot in sorted(slots.items(), key=_by_person) if not slot.id]
        if not rows:
            return found
        made = insert(self._connection, Digest)
        # Only people whom nobody has told us of cannot be locked: then another may have opened theirs just now.
        made = made.on_conflict_do_update(
            index_elements=["user_id", "channel", "cadence"],
            index_where=IS_OPEN,
            set_={"opened_at": Digest.opened_at},
        )
        opened = self._connection.execute(
            made.returning(Digest.id, Digest.user_id, Digest.channel, Digest.cadence), rows
        )
        return found | {(row.user_id, row.channel, Cadence(row.cadence)): row.id for row in opened}

    def retime(self, people: Mapping[str, Recipient], now: datetime, *, moved: bool = False) -> None:
        """Let the open digests of these people come when they want them now; with `moved`, to another zone."""
        digests = self.of(people, now)
        changed: list[tuple[str, str, Slot, Recipient]] = []
        for user, theirs in digests.items():
            person = people[user]
            for (channel, cadence), slot in theirs.open.items():
                used = theirs.used.get((channel, cadence), ())
                # In a pause the hour of a date that another zone has may come before the pause ends.
                keeps = moved and not person.paused_until(now)
                fresh = moved_slot(slot, now, person.hour) if keeps else fresh_slot(person, cadence, now, used)
                changed.append((user, channel, replace(fresh, id=slot.id), person))
        for user, channel, slot, person in changed:
            self.move(user, channel, slot, digest_words(slot.cadence, person.hour))

    def move(self, user: str, channel: str, slot: Slot, words: str = "") -> None:
        """Let an open digest come at another moment, and say so of all that waits for it; `words` tell what decided."""
        self._connection.execute(
            update(Digest)
            .where(Digest.id == slot.id, IS_OPEN)
            .values(period=slot.period, due_at=slot.at, wanted_at=slot.at)
        )
        waits = update(Delivery).where(
            Delivery.user_id == user,
            Delivery.channel == channel,
            Delivery.state == State.WAITING,
            Delivery.digest_id == slot.id,
        )
        self._connection.execute(waits.values(wanted_at=slot.at))
        if words:
            self._connection.execute(waits.where(Delivery.rule == "digest").values(value=words))

    def _open(self, users: Collection[str]) -> Sequence[AnyRow]:
        columns = (Digest.id, Digest.user_id, Digest.channel, Digest.cadence, Digest.period, Digest.due_at)
        theirs = among(self._connection, Digest.user_id, sorted(users))
        return self._connection.execute(select(*columns).where(theirs, IS_OPEN)).all()

    def _used(self, users: Collection[str], now: datetime) -> Sequence[AnyRow]:
        theirs = among(self._connection, Digest.user_id, sorted(users))
        since = (now - USED).date().isoformat()
        return self._connection.execute(
            select(Digest.user_id, Digest.channel, Digest.cadence, Digest.period).where(
                theirs, Digest.period >= since, Digest.state != OPEN
            )
        ).all()


def _slot(row: AnyRow) -> Slot:
    return Slot(Cadence(row.cadence), row.period, row.due_at, row.id)


def _row(key: DigestKey, slot: Slot, now: datetime) -> dict[str, object]:
    user, channel, cadence = key
    return {
        "id": new_id("dig"),
        "user_id": user,
        "channel": channel,
        "cadence": cadence,
        "period": slot.period,
        "state": OPEN,
        "due_at": slot.at,
        "wanted_at": slot.at,
        "items": "",
        "opened_at": now,
    }


def _by_person(entry: tuple[DigestKey, Slot]) -> DigestKey:
    return entry[0]
