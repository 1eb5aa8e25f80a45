"""When and where, as people say it: "tomorrow at 08:00", "Lisbon", "Monday"."""

from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.languages.language import Language
from notifier.languages.text import Spoken


def when(language: Language, at: datetime, now: datetime, zone: ZoneInfo) -> Spoken:
    """The moment `at` (both aware) on the clock and the calendar of that zone."""
    time = Spoken(language.time(at, zone))
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if days == 0:
        return language.gettext("today at %(time)s", time=time)
    if days == 1:
        return language.gettext("tomorrow at %(time)s", time=time)
    return language.gettext("%(day)s at %(time)s", day=Spoken(language.day(at, zone)), time=time)


def place(language: Language, zone: ZoneInfo) -> str:
    """The city that a time zone is named after."""
    from babel.dates import get_timezone_location  # its locale data takes 4 MB, and few need it

    return get_timezone_location(zone, locale=language.locale, return_city=True).rpartition("/")[2]


def native_name(tag: str) -> str:
    """What a language calls itself: "Deutsch"; one that Babel does not know stands as it is."""
    from babel import Locale, UnknownLocaleError  # see above

    try:
        return Locale.parse(tag).get_display_name() or tag
    except (UnknownLocaleError, ValueError):
        return tag


def weekday_names(language: Language) -> list[str]:
    """The days of the week, Monday first."""
    from babel.dates import get_day_names  # see above

    names = get_day_names("wide", "stand-alone", locale=language.locale)
    return [names[day] for day in range(7)]
