"""Timetables in words."""

from datetime import datetime, timedelta

import pytest

from notifier.policy.timetable import Timetable
from notifier.policy.timetable_words import in_words

EVE = datetime(2026, 12, 24, 18)  # noqa: DTZ001 (a clock on the wall)


@pytest.mark.parametrize(
    ("timetable", "said"),
    [
        (Timetable(interval=timedelta(seconds=1)), "every second"),
        (Timetable(interval=timedelta(seconds=90)), "every 90 seconds"),
        (Timetable(interval=timedelta(minutes=5)), "every 5 minutes"),
        (Timetable(interval=timedelta(days=1)), "every day"),
        (Timetable(at=EVE, zone="Europe/Berlin"), "once, Thursday 24 December 2026 at 18:00 (Europe/Berlin)"),
        (Timetable(at=EVE, local=True), "once, Thursday 24 December 2026 at 18:00 (each person's own time)"),
        (Timetable("30 3 * * *"), "at 03:30, every day (UTC)"),
        (Timetable("0 9,18 * * mon-fri"), "at 09:00 and 18:00, Monday to Friday (UTC)"),
        (Timetable("0 9 * * sat,7"), "at 09:00, on Sunday and Saturday (UTC)"),
        (Timetable("0 9 1,15 * *"), "at 09:00, on day 1 and 15 of the month (UTC)"),
        (Timetable("0 9 1 * mon"), "at 09:00, on day 1 of the month or on Monday (UTC)"),
        (Timetable("0 9 1 1,7 *"), "at 09:00, on day 1 of the month, in January and July (UTC)"),
        (Timetable("* * * * *"), "every minute (UTC)"),
        (Timetable("5 * * * *"), "every hour at :05 (UTC)"),
        (Timetable("*/15 * * * *"), "every 15 minutes (UTC)"),
        (Timetable("*/15 8-17 * * mon-fri"), "every 15 minutes of the hours 8 to 17, Monday to Friday (UTC)"),
        (Timetable("1,2,3,4,5,9 * * * *"), "at the minutes 1,2,3,4,5,9 of every hour (UTC)"),
        (Timetable("0 1,5,7,9,22 * * *"), "at minute 0 of the hours 1, 5, 7, 9 and 22, every day (UTC)"),
    ],
)
def test_it_says_when_it_runs(timetable: Timetable, said: str):
    assert in_words(timetable) == said
