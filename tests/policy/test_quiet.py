"""Quiet hours: across midnight, and on the nights when clocks change, whatever the zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.quiet import QuietHours

NIGHT = QuietHours(time(22), time(7))
STEP = timedelta(minutes=1)
# Zones whose clocks change by an hour, by half of one, at midnight, in Ramadan, and over the date line.
ZONES = [
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca"),
    *("Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "Antarctica/Troll", "UTC"),
]


def transitions(zone: str, year: int) -> list[datetime]:
    """The hours of the year after which that zone's clock shows another distance from UTC."""
    tz, start = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(hours=n) for n in range(366 * 24))
    return [
        hour
        for hour in hours
        if hour.astimezone(tz).utcoffset() != (hour + timedelta(hours=1)).astimezone(tz).utcoffset()
    ]


CHANGES = [(zone, moment) for zone in ZONES for year in (2011, 2018, 2026) for moment in transitions(zone, year)]
NEAR = st.builds(
    lambda change, minutes: (change[0], change[1] + timedelta(minutes=minutes)),
    st.sampled_from(CHANGES),
    st.integers(-14 * 60, 14 * 60),
)
ANYWHERE = st.tuples(
    st.sampled_from(sorted(available_timezones())),
    st.integers(0, 30 * 365 * 24 * 60).map(
        lambda minutes: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
HOURS = st.builds(QuietHours, TIMES, TIMES).filter(lambda hours: hours.start != hours.end)


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "now", "end"),
    [
        ("Europe/Berlin", "2026-11-21 21:59", None),
        ("Europe/Berlin", "2026-11-21 22:00", "2026-11-22 07:00"),
        ("Europe/Berlin", "2026-11-22 06:59", "2026-11-22 07:00"),
        ("Europe/Berlin", "2026-11-22 07:00", None),
        ("Europe/Berlin", "2026-10-24 23:00", "2026-10-25 07:00"),  # the night has 25 hours
        ("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 07:00"),  # and here 23
        ("Asia/Kathmandu", "2026-06-01 23:30", "2026-06-02 07:00"),
    ],
)
def test_a_night_ends_at_seven_by_the_persons_clock(zone: str, now: str, end: str | None):
    assert NIGHT.until(at(now, zone), zone) == (at(end, zone) if end else None)


def test_an_end_that_the_clock_leaps_over_comes_with_the_leap():
    early = QuietHours(time(22), time(2, 30))
    assert early.until(at("2026-03-28 23:00", "Europe/Berlin"), "Europe/Berlin") == at(
        "2026-03-29 03:00", "Europe/Berlin"
    )


def test_quiet_hours_within_a_day_end_on_that_day():
    nap = QuietHours(time(13), time(15))
    assert nap.until(at("2026-11-21 14:00", "UTC"), "UTC") == at("2026-11-21 15:00", "UTC")
    assert nap.until(at("2026-11-21 15:00", "UTC"), "UTC") is None


@given(st.one_of(NEAR, ANYWHERE), HOURS)
def test_they_end_at_the_first_moment_that_the_clock_shows_no_quiet_time(
    where: tuple[str, datetime], hours: QuietHours
):
    zone, now = where
    now = now.replace(second=0, microsecond=0)
    end = hours.until(now, zone)
    if end is None:
        assert not hours.cover(now, zone)
        return
    assert end > now
    assert not hours.cover(end, zone)
    # Zones of the past have offsets in seconds: the last moment before the end is asked as well.
    assert hours.cover(end - timedelta(seconds=1), zone)
    minute = now
    while minute < end:
        assert hours.cover(minute, zone), minute
        minute += STEP * 7
