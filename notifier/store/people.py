"""People: their profile and their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from notifier.policy.words import Reason
from notifier.store.gone import CROWDED_OUT, MOST_DEVICES, REMOVED
from notifier.store.holding import look_again
from notifier.store.models import Address, User
from notifier.store.retiming import retime
from notifier.store.sql import AnyRow, insert
from notifier.store.types import new_id


class TakenError(Exception):
    """The subscription belongs to another person, and the keys do not prove that it is the same browser."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as the API shows them. `email` is empty where there is none."""

    id: str
    name: str
    locale: str
    timezone: str
    created_at: datetime
    email: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One browser subscription."""

    id: str
    value: str
    state: str  # active, gone
    created_at: datetime
    last_sent_at: datetime | None


class People:
    """All about people, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def profile(self, user: str) -> Profile | None:
        """The person, or None where nobody of that id is known."""
        row = self._connection.execute(select(User).where(User.id == user)).one_or_none()
        if row is None:
            return None
        email = self._connection.scalar(
            select(Address.value).where(Address.channel == "email", Address.fingerprint == _one_each(user))
        )
        return Profile(row.id, row.name, row.locale, row.timezone, row.created_at, email or "")

    def save(self, user: str, changes: Mapping[str, str], now: datetime) -> None:
        """Make the person, or change what is given: `name`, `locale`, `timezone`."""
        self.save_all({user: changes}, now)

    def save_all(self, changes: Mapping[str, Mapping[str, str]], now: datetime) -> None:
        """`save` for many people at once, each with changes of their own."""
        if not changes:
            return
        made = insert(self._connection, User)
        # Always in the same order: two that save the same people would otherwise wait for each other for ever.
        self._connection.execute(
            made.on_conflict_do_update(index_elements=["id"], set_={"updated_at": now}),
            [{"id": user, "created_at": now, "updated_at": now} for user in sorted(changes)],
        )
        moved = self._moved({user: one["timezone"] for user, one in changes.items() if "timezone" in one})
        look_again(self._connection, moved, Reason.QUIET_HOURS, now)
        alike: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for user, changed in changes.items():
            row = {"user": user} | {f"new_{name}": value for name, value in changed.items()}
            alike.setdefault(tuple(sorted(changed)), []).append(row)
        for names, rows in alike.items():
            if names:
                new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
                self._connection.execute(update(User).where(User.id == bindparam("user")).values(new), rows)
        retime(self._connection, moved, now, moved=True)

    def _moved(self, zones: Mapping[str, str]) -> set[str]:
        """Those who move to another zone: they have other quiet hours and digest hours at once."""
        if not zones:
            return set()
        rows = self._connection.execute(select(User.id, User.timezone).where(User.id.in_(sorted(zones))))
        return {row.id for row in rows if row.timezone != zones[row.id]}

    def set_mailbox(self, user: str, email: str, now: datetime) -> None:
        """The person's one mail address. The same address again does not revive one that is gone for good."""
        self.set_mailboxes({user: email}, now)

    def set_mailboxes(self, emails: Mapping[str, str], now: datetime) -> None:
        """`set_mailbox` for many people at once."""
        if not emails:
            return
        row = insert(self._connection, Address)
        self._connection.execute(
            row.on_conflict_do_update(
                index_elements=["channel", "fingerprint"],
                set_={"value": row.excluded.value, "gone_at": None, "gone_why": ""},
                where=Address.value != row.excluded.value,
            ),
            [
                {
                    "id": new_id("sub"),
                    "user_id": user,
                    "channel": "email",
                    "value": email,
                    "fingerprint": _one_each(user),
                    "key_id": "",
                    "created_at": now,
                    "gone_why": "",
                }
                for user, email in sorted(emails.items())
            ],
        )

    def drop_mailbox(self, user: str, now: datetime) -> None:
        """The person has no mail address any more."""
        self._connection.execute(
            update(Address)
            .where(Address.channel == "email", Address.fingerprint == _one_each(user))
            .values(value="", gone_at=now, gone_why=REMOVED)
        )

    def add_device(self, user: str, value: str, *, fingerprint: str, key_id: str, now: datetime) -> Device:
        """Store a browser's subscription; the same one again is the same row.

        It moves to another person only with the same keys (the same browser, another login). Raises `TakenError`.
        """
        row = insert(self._connection, Address).values(
            id=new_id("sub"),
            user_id=user,
            channel="push",
            value=value,
            fingerprint=fingerprint,
            key_id=key_id,
            created_at=now,
            gone_why="",
        )
        stored = self._connection.execute(
            row.on_conflict_do_update(
                index_elements=["channel", "fingerprint"],
                set_={"user_id": user, "value": value, "key_id": key_id, "gone_at": None, "gone_why": ""},
                where=or_(Address.user_id == user, Address.value == value),
            ).returning(Address)
        ).one_or_none()
        if stored is None:
            raise TakenError
        self._retire_oldest(user, stored.id, now)
        return _device(stored)

    def devices(self, user: str) -> list[Device]:
        """The person's subscriptions, newest first, those that are gone included."""
        rows = self._connection.execute(
            select(Address).where(Address.user_id == user, Address.channel == "push").order_by(Address.id.desc())
        )
        return [_device(row) for row in rows]

    def drop_device(self, user: str, device: str, now: datetime) -> bool:
        """Retire a subscription; False where the person has none of that id."""
        dropped = self._connection.execute(
            update(Address)
            .where(Address.id == device, Address.user_id == user, Address.channel == "push")
            .values(gone_at=now, gone_why=REMOVED)
        )
        return dropped.rowcount == 1

    def owner(self, address: str) -> tuple[str, str] | None:
        """The person and the value of an address id, or None."""
        row = self._connection.execute(
            select(Address.user_id, Address.value).where(Address.id == address)
        ).one_or_none()
        return (row.user_id, row.value) if row else None

    def _retire_oldest(self, user: str, used: str, now: datetime) -> None:
        """Make room for the device that is `used` now, however old it is."""
        others = self._connection.scalars(
            select(Address.id)
            .where(Address.user_id == user, Address.channel == "push", Address.gone_at.is_(None), Address.id != used)
            .order_by(Address.id.desc())
        ).all()
        self._connection.execute(
            update(Address).where(Address.id.in_(others[MOST_DEVICES - 1 :])).values(gone_at=now, gone_why=CROWDED_OUT)
        )


def _one_each(user: str) -> str:
    """A fingerprint that makes the mailbox unique per person."""
    return sha256(user.encode()).hexdigest()


def _device(row: AnyRow) -> Device:
    return Device(row.id, row.value, "gone" if row.gone_at else "active", row.created_at, row.last_sent_at)
