"""Cron lines: five fields, and the times on a clock on the wall that they name. Zones are no matter here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_YEARS = 9  # a 29th of February comes within eight years, also around 2100


class WrongCron(ValueError):
    """A line that is no cron line; says which field is wrong, and what would be right."""


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: what it counts, its values, and their names."""

    place: str
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    such_as: str = ""

    @property
    def rule(self) -> str:
        """What would be right, as the end of a sentence."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"it must be {self.first} to {self.last}{names}, such as {self.such_as} or *"


FIELDS = (
    Field("first", "minute", 0, 59, such_as="30, 0,30, 10-20, */15"),
    Field("second", "hour", 0, 23, such_as="9, 8,18, 8-18, */2"),
    Field("third", "day of the month", 1, 31, such_as="1, 1,15, 1-7"),
    Field("fourth", "month", 1, 12, MONTHS, such_as="12, jan, jun-aug"),
    Field("fifth", "weekday", 0, 7, WEEKDAYS, such_as="mon, sat,sun, mon-fri, where 0 and 7 are Sunday,"),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron line, read: the values of each field in order. Weekdays count from Sunday, 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def each_hour(self) -> bool:
        """Whether it comes in every hour of its days."""
        return len(self.hours) == 24

    @property
    def each_day(self) -> bool:
        """Whether every day of its months is one of its days."""
        return len(self.days) == 31 and len(self.weekdays) == 7

    def on(self, day: date) -> bool:
        """Whether the day is one of its days: where both kinds of day are restricted, either is enough."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if len(self.days) < 31 and len(self.weekdays) < 7:
            return by_day or by_weekday
        return by_day and by_weekday

    def at(self, wall: datetime) -> bool:
        """Whether it comes in this minute."""
        return wall.minute in self.minutes and wall.hour in self.hours and self.on(wall.date())

    def walls(self, begin: datetime) -> Iterator[datetime]:
        """Its times (naive) from `begin` on, in order; those of the next years."""
        today = begin.date()
        for ahead in range(366 * _YEARS):
            day = today + timedelta(days=ahead)
            if self.on(day):
                hours = (hour for hour in self.hours if ahead or hour >= begin.hour)
                times = (datetime.combine(day, time(*each)) for each in product(hours, self.minutes))
                yield from (wall for wall in times if ahead or wall >= begin)


def read_cron(line: str) -> Cron:
    """The line, read: `*`, lists, ranges, steps, names. Raises `WrongCron`."""
    texts = line.split()
    if len(texts) != len(FIELDS):
        raise WrongCron(
            f"A cron line has five fields (minute, hour, day of the month, month, weekday), such as 30 9 * * mon-fri; "
            f"this one has {len(texts)}."
        )
    minutes, hours, days, months, weekdays = map(_values, FIELDS, texts)
    cron = Cron(minutes, hours, days, months, tuple(sorted({weekday % 7 for weekday in weekdays})))
    if len(cron.weekdays) == 7 and all(days[0] > _LONGEST[month - 1] for month in months):
        said = f"day {days[0]}, which no month of the fourth field has"
        raise WrongCron(f"The third field (day of the month) asks for {said}.")
    return cron


def _values(field: Field, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.lower().split(","):
        values = _part(field, part)
        if not values:
            raise WrongCron(f"The {field.place} field ({field.name}) is {text[:40]!r}; {_rule(field, part)}.")
        found.update(values)
    return tuple(sorted(found))


def _part(field: Field, text: str) -> Sequence[int]:
    """The values of `*`, `5`, `5-9`, `*/2` or `5-9/2`; none where it is wrong."""
    span, slash, step_text = text.partition("/")
    step = _number(step_text) if slash else 1
    first, last = _span(field, span)
    # A step from one value on is read in two ways by those who know it; say the range.
    if not step or first is None or last is None or (slash and "-" not in span and span != "*"):
        return ()
    return range(first, last + 1, step)


def _rule(field: Field, wrong: str) -> str:
    """What would be right where this part is not: each value may be, and the range or the step not."""
    span, slash, _ = wrong.partition("/")
    if None in _span(field, span):
        return field.rule
    if slash:
        return f"after / it must be 1 or more, and before it * or a range, such as */2 or {field.first}-{field.last}/2"
    return "a range must run forwards; where it goes around the end, two of them with a comma between say it"


def _span(field: Field, text: str) -> tuple[int | None, int | None]:
    if text == "*":
        return field.first, field.last if field.names != WEEKDAYS else 6
    low, dash, high = text.partition("-")
    first = _value(field, low)
    last = _value(field, high) if dash else first
    # From Friday to Sunday goes to the other Sunday, 7.
    return first, 7 if last == 0 and dash and first and field.names == WEEKDAYS else last


def _value(field: Field, text: str) -> int | None:
    if text in field.names:
        return field.names.index(text) + field.first
    value = _number(text)
    return value if value is not None and field.first <= value <= field.last else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
