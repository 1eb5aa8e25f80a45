"""Which digest somebody means, and the moment that the clock on their wall shows."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.policy.steering import LONGEST, Which, moment_on_clock, wrong_moment
from notifier.policy.words import Cadence

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("which", "meant"),
    [
        (Which(), True),
        (Which("email"), True),
        (Which("push"), False),
        (Which(cadence=Cadence.DAILY), True),
        (Which(cadence=Cadence.WEEKLY), False),
        (Which(id="dig_1"), True),
        (Which(id="dig_2"), False),
        (Which("push", id="dig_1"), False),
        (Which("email", Cadence.DAILY, "dig_1"), True),
    ],
)
def test_a_digest_is_meant_where_nothing_said_of_it_is_otherwise(which: Which, meant: bool):
    assert which.means("email", Cadence.DAILY, id="dig_1") is meant


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-11-21T18:00", "UTC", "2026-11-21T18:00"),
        ("2026-11-21 18:00", "Europe/Berlin", "2026-11-21T17:00"),
        ("2026-11-21T18:00:30", "Asia/Kathmandu", "2026-11-21T12:15:30"),
        # The hour that comes twice is the first; the one that does not exist moves forward.
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-11-21T18:00", "Mars/Olympus", "2026-11-21T18:00"),
    ],
)
def test_a_clock_on_the_wall_shows_a_moment(text: str, zone: str, utc: str):
    assert moment_on_clock(text, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


NO_DAY, NO_HOUR, FIRST_YEAR = "2026-02-31T08:00", "2026-11-21T24:01", "0001-01-01T00:00"
OTHER_DIGITS = "\uff12\uff10\uff12\uff16-11-21T18:00"


@pytest.mark.parametrize(
    "text", ["", "18:00", "2026-11-21", "2026-11-21T18:00Z", NO_DAY, NO_HOUR, FIRST_YEAR, OTHER_DIGITS]
)
def test_what_is_no_time_on_a_clock_is_nothing(text: str):
    assert moment_on_clock(text, "Asia/Tokyo") is None


@pytest.mark.parametrize(
    ("ahead", "wrong"), [(timedelta(0), True), (timedelta(minutes=1), False), (LONGEST, False), (LONGEST * 2, True)]
)
def test_a_digest_is_moved_ahead_and_not_too_far(ahead: timedelta, wrong: bool):
    assert bool(wrong_moment(NOW + ahead, NOW)) is wrong
