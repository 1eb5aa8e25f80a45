"""What a digest is called, the days or the hour that it is for, and why somebody gets it, as its mail says."""

from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.languages.language import Language
from notifier.languages.text import Spoken, message
from notifier.policy.words import Cadence

HEADINGS = {
    Cadence.HOURLY: message("Your hourly digest"),
    Cadence.DAILY: message("Your daily digest"),
    Cadence.WEEKLY: message("Your weekly digest"),
}


def digest_heading(language: Language, cadence: Cadence) -> str:
    """ "Your daily digest"."""
    return language.gettext(HEADINGS[cadence])


def digest_period(language: Language, cadence: Cadence, wanted_at: datetime, zone: ZoneInfo) -> str:
    """The hour, the day or the week at the person's place that a digest wanted at this moment (aware) is for."""
    if cadence == Cadence.HOURLY:
        return language.hour(wanted_at, zone)
    return language.week(wanted_at, zone) if cadence == Cadence.WEEKLY else language.day(wanted_at, zone)


def digest_note(
    language: Language, cadence: Cadence, wanted_at: datetime, zone: ZoneInfo, *, address: str, brand: str
) -> str:
    """Why the person gets this digest, and when: "once a day (8:00 AM)"."""
    parts = {"address": address, "brand": brand}
    if cadence == Cadence.HOURLY:
        text = message("You get this at most once an hour because such mail is turned on for %(address)s at %(brand)s.")
        return language.gettext(text, **parts)
    time = Spoken(language.time(wanted_at, zone))
    if cadence == Cadence.WEEKLY:
        text = message(
            "You get this once a week (%(day)s, %(time)s) because such mail is turned on for %(address)s at %(brand)s."
        )
        return language.gettext(text, day=Spoken(language.weekday(wanted_at, zone)), time=time, **parts)
    text = message("You get this once a day (%(time)s) because such mail is turned on for %(address)s at %(brand)s.")
    return language.gettext(text, time=time, **parts)
