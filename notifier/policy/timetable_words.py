"""A timetable in words, for those who look after the service (English, as their pages are)."""

from collections.abc import Sequence
from datetime import timedelta

from notifier.policy.cron import Cron, read_cron
from notifier.policy.timetable import Timetable

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
FEW = 4  # times of day that are told one by one


def in_words(timetable: Timetable) -> str:
    """When it runs, such as "at 09:00, Monday to Friday (Europe/Berlin)"."""
    if timetable.interval:
        return f"every {_span(timetable.interval)}"
    clock = "each person's own time" if timetable.local else timetable.zone
    if timetable.at:
        return f"once, {timetable.at:%A} {timetable.at.day} {timetable.at:%B %Y at %H:%M} ({clock})"
    cron = read_cron(timetable.cron)
    days = "every day" if cron.each_day else _days(cron)
    often = _often(cron)
    # "Every hour" says by itself that it is so each day.
    said = [often] if cron.each_hour and cron.each_day else [often, days]
    months = [f"in {_listed([MONTHS[month - 1] for month in cron.months])}"] if len(cron.months) < 12 else []
    return f"{', '.join(said + months)} ({clock})"


def _span(interval: timedelta) -> str:
    seconds = int(interval.total_seconds())
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    count = seconds // size
    return unit if count == 1 else f"{count} {unit}s"


def _often(cron: Cron) -> str:
    times = [f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes]
    if len(times) <= FEW:
        return f"at {_listed(times)}"
    step = _step(cron.minutes)
    if step:
        often = "every minute" if step == 1 else f"every {step} minutes"
        return often if cron.each_hour else f"{often} of {_hours(cron.hours)}"
    return _at_minutes(cron)


def _at_minutes(cron: Cron) -> str:
    if cron.each_hour and len(cron.minutes) <= FEW:
        return f"every hour at {_listed([f':{minute:02}' for minute in cron.minutes])}"
    minutes = ",".join(map(str, cron.minutes))
    which = f"the minutes {minutes}" if len(cron.minutes) > 1 else f"minute {minutes}"
    return f"at {which} of {'every hour' if cron.each_hour else _hours(cron.hours)}"


def _step(minutes: Sequence[int]) -> int:
    """The distance of minutes that are evenly spread over each hour; 0 where they are not."""
    step = 60 // len(minutes)
    return step if len(minutes) > 1 and list(minutes) == list(range(0, 60, step)) else 0


def _hours(hours: Sequence[int]) -> str:
    if len(hours) > 2 and list(hours) == list(range(hours[0], hours[-1] + 1)):
        return f"the hours {hours[0]} to {hours[-1]}"
    return f"the hours {_listed(list(map(str, hours)))}"


def _days(cron: Cron) -> str:
    by_day = [f"on day {_listed(list(map(str, cron.days)))} of the month"] if len(cron.days) < 31 else []
    by_weekday = [_weekdays(cron.weekdays)] if len(cron.weekdays) < 7 else []
    return " or ".join(by_day + by_weekday)


def _weekdays(weekdays: Sequence[int]) -> str:
    if weekdays == (1, 2, 3, 4, 5):
        return "Monday to Friday"
    return f"on {_listed([WEEKDAYS[weekday] for weekday in weekdays])}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
