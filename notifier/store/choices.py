"""What people chose: read and changed for many at once, each change with its place in the history."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from notifier.policy.choices import (
    CAP,
    CAPPED,
    PAUSED_UNTIL,
    QUIET_HOURS,
    TIME,
    WEEKDAY,
    WEEKDAYS,
    Author,
    What,
    Wishes,
    is_about_a_type,
    name_of,
    pause_end,
    pause_text,
    quiet_text,
    quiet_times,
)
from notifier.policy.words import Reason
from notifier.store.history import Changed, History
from notifier.store.holding import leave_digests, look_again
from notifier.store.models import Preference, User
from notifier.store.retiming import retime
from notifier.store.sql import AnyRow, insert

Chosen = dict[What, str]


class Choices:
    """People's own choices, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, users: Collection[str]) -> dict[str, Chosen]:
        """What each of these people chose; nothing where they made no choice."""
        found: dict[str, Chosen] = {user: {} for user in users}
        for preference in self._connection.execute(select(Preference).where(Preference.user_id.in_(found))):
            found[preference.user_id][preference.type, preference.channel] = preference.cadence
        for person in self._connection.execute(select(User).where(User.id.in_(found))):
            found[person.id] |= _rhythm(person)
        return found

    def change(self, wishes: Mapping[str, Wishes], author: Author, now: datetime) -> dict[str, Chosen]:
        """Change what each of these people chose, and keep what is thereby changed in the history; gives it all."""
        users = sorted(wishes)
        self.lock(users, now)
        chosen = self.of(users)
        changed = [
            (user, what, chosen[user].get(what), after)
            for user in users
            for what, after in sorted(wishes[user].items())
            if chosen[user].get(what) != after
        ]
        for user, what, _, after in changed:
            if after is None:
                del chosen[user][what]
            else:
                chosen[user][what] = after
        types = [one for one in changed if is_about_a_type(one[1])]
        self._prefer([(user, what, after) for user, what, _, after in types if after is not None], author, now)
        self._forget([(user, what) for user, what, _, after in types if after is None])
        self._set_rhythms({one[0] for one in changed if not is_about_a_type(one[1])}, chosen)
        self._look_again([(user, what) for user, what, _, _ in changed], now)
        timed = {user for user, what, _, _ in changed if what in (TIME, WEEKDAY, QUIET_HOURS, PAUSED_UNTIL)}
        retime(self._connection, timed, now)
        recorded = [Changed(user, name_of(what), before or "", after or "") for user, what, before, after in changed]
        History(self._connection).record(recorded, author, now)
        return chosen

    def lock(self, users: Sequence[str], now: datetime) -> None:
        """Make the people who are not known yet, and let nobody else change their choices until the commit."""
        if not users:
            return
        rows = [{"id": user, "created_at": now, "updated_at": now} for user in users]
        made = insert(self._connection, User)
        self._connection.execute(made.on_conflict_do_update(index_elements=["id"], set_={"updated_at": now}), rows)

    def _prefer(self, chosen: Sequence[tuple[str, What, str]], author: Author, now: datetime) -> None:
        if not chosen:
            return
        row = insert(self._connection, Preference)
        kept = {name: row.excluded[name] for name in ("cadence", "changed_at", "changed_by")}
        self._connection.execute(
            row.on_conflict_do_update(index_elements=["user_id", "type", "channel"], set_=kept),
            [
                {
                    "user_id": user,
                    "type": type_,
                    "channel": channel,
                    "cadence": cadence,
                    "changed_at": now,
                    "changed_by": author.through,
                }
                for user, (type_, channel), cadence in chosen
            ],
        )

    def _forget(self, given_up: Sequence[tuple[str, What]]) -> None:
        if not given_up:
            return
        self._connection.execute(
            delete(Preference).where(
                Preference.user_id == bindparam("user"),
                Preference.type == bindparam("of_type"),
                Preference.channel == bindparam("on_channel"),
            ),
            [{"user": user, "of_type": what[0], "on_channel": what[1]} for user, what in given_up],
        )

    def _set_rhythms(self, users: Iterable[str], chosen: Mapping[str, Chosen]) -> None:
        rows = [{"user": user} | _columns(chosen[user]) for user in sorted(users)]
        if not rows:
            return
        names = [name for name in rows[0] if name != "user"]
        self._connection.execute(
            update(User).where(User.id == bindparam("user")).values({name: bindparam(f"new_{name}") for name in names}),
            [{"user": row["user"]} | {f"new_{name}": row[name] for name in names} for row in rows],
        )

    def _look_again(self, changed: Sequence[tuple[str, What]], now: datetime) -> None:
        """What their quiet hours, pause, caps or digests held does not wait for an hour that they have just changed."""
        for held_by, reason in ((QUIET_HOURS, Reason.QUIET_HOURS), (PAUSED_UNTIL, Reason.SNOOZED)):
            look_again(self._connection, {user for user, what in changed if what == held_by}, reason, now)
        for channel in CAPPED:
            users = {user for user, what in changed if what == (CAP, channel)}
            look_again(self._connection, users, Reason.CAPPED, now, channel=channel)
        leave_digests(self._connection, [(user, *what) for user, what in changed if is_about_a_type(what)], now)


def _rhythm(row: AnyRow) -> Chosen:
    found: Chosen = {(CAP, channel): str(most) for channel, most in (json.loads(row.caps) if row.caps else {}).items()}
    if row.digest_time:
        found[TIME] = row.digest_time
    if row.digest_weekday is not None:
        found[WEEKDAY] = WEEKDAYS[row.digest_weekday]
    if row.quiet_start:
        found[QUIET_HOURS] = quiet_text(row.quiet_start, row.quiet_end)
    if row.paused_until:
        found[PAUSED_UNTIL] = pause_text(row.paused_until)
    return found


def _columns(chosen: Chosen) -> dict[str, Any]:
    start, end = quiet_times(chosen.get(QUIET_HOURS, ""))
    caps = {channel: int(most) for (section, channel), most in sorted(chosen.items()) if section == CAP}
    return {
        "digest_time": chosen.get(TIME, ""),
        "digest_weekday": WEEKDAYS.index(chosen[WEEKDAY]) if WEEKDAY in chosen else None,
        "quiet_start": start,
        "quiet_end": end,
        "caps": json.dumps(caps) if caps else "",
        "paused_until": pause_end(chosen.get(PAUSED_UNTIL, "")),
    }
