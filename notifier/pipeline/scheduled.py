"""How schedules look on the outside: the same for the API, the command line and the pages."""

from datetime import datetime, timedelta
from typing import Any

from notifier.pipeline.kinds import Kinds
from notifier.policy.calendar import rfc3339
from notifier.policy.schedules import timing_of
from notifier.policy.timetable_words import in_words
from notifier.store.leases import Held
from notifier.store.schedules import RunEntry, ScheduleEntry

SILENT = timedelta(seconds=15)  # a scheduler beats every three seconds


def schedule_json(entry: ScheduleEntry, kinds: Kinds) -> dict[str, Any]:
    """One schedule. `vital` ones keep the service alive; nobody can change them."""
    timing, kind, last = timing_of(entry.timetable), kinds.get(entry.kind), entry.last
    return {
        "id": entry.id,
        "name": entry.name,
        "kind": entry.kind,
        "arguments": entry.arguments,
        "cron": timing.cron or None,
        "interval_seconds": timing.interval_seconds,
        "at": timing.at or None,
        "timezone": timing.timezone or None,
        "local": timing.local,
        "when": in_words(entry.timetable),
        "enabled": entry.enabled,
        "built_in": entry.built_in,
        "vital": bool(kind and kind.vital),
        "running": entry.running is not None,
        "next_run_at": _moment(entry.next_run_at),
        "last_run": {"at": _moment(last.at), "outcome": last.outcome, "text": last.text, "ms": last.ms}
        if last
        else None,
        "created_at": _moment(entry.created_at),
        "created_by": entry.created_by,
        "changed_at": _moment(entry.changed_at),
        "changed_by": entry.changed_by,
    }


def run_json(entry: RunEntry) -> dict[str, Any]:
    """One run of a schedule; `moment` is what it is for."""
    return {
        "id": entry.id,
        "schedule": entry.schedule,
        "moment": _moment(entry.moment),
        "tries": entry.tries,
        "triggered_by": entry.triggered_by,
        "outcome": entry.outcome,
        "text": entry.text,
        "scheduler": entry.holder or None,
        "started_at": _moment(entry.started_at),
        "ended_at": _moment(entry.ended_at),
        "ms": entry.ms,
    }


def scheduler_json(held: Held | None, now: datetime) -> dict[str, Any]:
    """Which scheduler leads, and whether it is heard of."""
    return {
        "state": heard(held, now),
        "leader": held.holder if held else None,
        "beat_at": _moment(held.beat_at) if held else None,
        "since": _moment(held.taken_at) if held else None,
    }


def heard(held: Held | None, now: datetime) -> str:
    """`ok`, or since when no scheduler is heard of."""
    if held is None:
        return "never heard of"
    return "ok" if now - held.beat_at <= SILENT else f"silent since {rfc3339(held.beat_at)}"


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
