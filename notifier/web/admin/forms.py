"""What the forms of schedules say, as the values that the API would be given."""

import json
from collections.abc import Mapping
from typing import Any

from notifier.pipeline.drafting import named_after
from notifier.policy.schedules import NOW, Draft, Timing, timing_of
from notifier.store.schedules import ScheduleEntry
from notifier.web.problems import Fault, invalid

UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
TEXTS = ("title", "content", "url", "image", "from_name")
Form = Mapping[str, str]


def timing_fields(form: Form) -> dict[str, Any]:
    """The fields of a `Timing` that the form says: its `way` tells which of them counts. Raises a problem."""
    way = form.get("way", "")
    ways: dict[str, dict[str, Any]] = {
        "now": {"at": NOW},
        "at": {"at": form.get("at", "")},
        "interval": {"interval_seconds": _seconds(form) if way == "interval" else None},
        "cron": {"cron": form.get("cron", "").strip()},
    }
    if not way or way == "now":
        return ways.get(way, {})
    local = bool(form.get("local"))
    zone = {} if local else {"timezone": form.get("timezone", "").strip() or "UTC"}
    return {**ways.get(way, {}), **zone, "local": local}


def form_of(entry: ScheduleEntry) -> Form:
    """The form that says the schedule as it stands."""
    timing, seconds = timing_of(entry.timetable), timing_of(entry.timetable).interval_seconds or 0
    unit = next((name for name, size in reversed(UNITS.items()) if seconds and seconds % size == 0), "minutes")
    return {
        "name": entry.name,
        "arguments": json.dumps(entry.arguments, indent=2, ensure_ascii=False),
        "way": "cron" if timing.cron else "at" if timing.at else "interval",
        "cron": timing.cron,
        "at": timing.at,
        "interval": str(seconds // UNITS[unit]) if seconds else "",
        "unit": unit,
        "timezone": timing.timezone,
        "local": "1" if timing.local else "",
    }


def arguments_of(form: Form) -> dict[str, Any]:
    """The object that stands in the form's text. Raises a problem."""
    try:
        found = json.loads(form.get("arguments", "").strip() or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid([Fault("/arguments", "invalid", 'This must be a JSON object such as {"title": "Hello"}.')])
    return found


def announcement_of(form: Form) -> Draft:
    """The announcement that the form says. Raises a problem."""
    title = form.get("title", "").strip()
    arguments: dict[str, Any] = {name: text for name in TEXTS if (text := form.get(name, "").strip())}
    if form.get("audience") == "followers_of":
        arguments["followers_of"] = form.get("followers_of", "").strip()
    else:
        arguments["everyone"] = True
    return Draft(named_after(title), "announcement", Timing(**timing_fields(form)), arguments)


def _seconds(form: Form) -> int:
    count = form.get("interval", "").strip()
    if not (count.isascii() and count.isdigit() and len(count) < 7) or form.get("unit") not in UNITS:
        raise invalid([Fault("/interval_seconds", "invalid", "This must be a whole number, of a unit in the list.")])
    return int(count) * UNITS[form["unit"]]
