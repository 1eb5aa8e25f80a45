"""How values look on the outside: times, and one delivery with its attempts."""

from datetime import datetime
from typing import Any

from notifier.channels import Address
from notifier.policy.calendar import rfc3339
from notifier.policy.words import State, sentence_of
from notifier.store.jobs import JobEntry
from notifier.store.log import AttemptEntry, Entry
from notifier.web.parts import parts


def moment(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return rfc3339(at)


def moment_or_null(at: datetime | None) -> str | None:
    """The time, or null."""
    return moment(at) if at else None


def masked_address(entry: Entry) -> str | None:
    """The address as a log may show it."""
    if not entry.address:
        return None
    return parts().masked(entry.channel, Address(entry.address_id, entry.address))


def delivery(entry: Entry) -> dict[str, Any]:
    """One delivery. `due_at` is told where it waits: elsewhere it is our own timer.

    Of very many events the newest are named; `event_count` counts all. `told_in` is the delivery whose message tells
    of this one as well, `digest` the one that it waits for or was told in.
    """
    return {
        "id": entry.id,
        "notification": entry.notification,
        "events": list(entry.events),
        "event_count": entry.event_count,
        "user": entry.user,
        "channel": entry.channel,
        "address": masked_address(entry),
        "type": entry.type,
        "app": entry.app,
        "queue": entry.queue,
        "state": entry.state,
        "reason": entry.reason,
        "sentence": sentence_of(entry.reason, timed=entry.due_at is not None) if entry.reason else None,
        "told_in": entry.carried_by,
        "digest": entry.digest,
        "due_at": moment_or_null(entry.due_at if entry.state == State.WAITING else None),
        "tries": entry.tries,
        "created_at": moment(entry.created_at),
        "sent_at": moment_or_null(entry.sent_at),
    }


def attempt(entry: AttemptEntry) -> dict[str, Any]:
    """One try."""
    return {
        "id": entry.id,
        "started_at": moment(entry.started_at),
        "ms": entry.ms,
        "outcome": entry.outcome,
        "code": entry.code,
        "text": entry.text,
        "worker": entry.worker,
    }


def job(entry: JobEntry) -> dict[str, Any]:
    """One job on many deliveries. `expected` was counted when it was asked for, and no further than a bound."""
    return {
        "id": entry.id,
        "act": entry.act,
        "state": entry.state,
        "expected": entry.expected,
        "done": entry.done,
        "created_at": moment(entry.created_at),
        "ended_at": moment_or_null(entry.ended_at),
    }
